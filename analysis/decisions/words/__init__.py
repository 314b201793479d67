"""Words made of decisions: their verdicts, and the parts of sentences that pages share."""
