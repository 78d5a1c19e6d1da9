"""The prover: takes packages through their whole lives in fresh containers and writes down how."""
