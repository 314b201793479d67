"""A job around the loop: its store, checkpoints, interruptions, devices and records."""
