"""Which code a run uses, as a fingerprint."""
