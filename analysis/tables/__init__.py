"""Tables of a study, one module per family; ``python -m analysis tables`` writes all of them."""
