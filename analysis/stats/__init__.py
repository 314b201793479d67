"""Arrays in, numbers out; no study, no text."""
