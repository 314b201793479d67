"""What the reader of run folders asks of a result before anybody uses it."""
