"""A user's own table of scores: decided, drawn and reported without a study."""
