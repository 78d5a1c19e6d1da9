"""Connected clusters, and a claim for every guest that we made on one."""
