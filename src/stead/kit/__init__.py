"""Small tools without a word of the domain: clock, ids, processes, secrets, text."""
