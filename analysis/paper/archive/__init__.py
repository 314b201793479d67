"""The archive of a study, and what it says of itself."""
