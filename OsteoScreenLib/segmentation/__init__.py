"""Finding vertebral bodies and their trabecular compartments in a CT."""
