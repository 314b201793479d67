"""The training loop and the tests of a trained network."""
