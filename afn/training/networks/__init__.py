"""From a specification to a network with its first weights."""
