"""Project networks and their addresses: decided here first, delivered by the engine after."""
