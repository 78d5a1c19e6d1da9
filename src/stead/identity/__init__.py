"""People, projects, sessions and tokens: who somebody is and which projects are theirs."""
