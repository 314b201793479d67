"""Tables about numbers of seeds: what looks decided, what more seeds would buy."""
