"""How a loss is made of a batch: the algorithms that recipes name."""
