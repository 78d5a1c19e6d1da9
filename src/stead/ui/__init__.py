"""What every page of the console is made of: layout, components, tokens, scripts, headers."""
