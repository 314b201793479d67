"""From a study file to cells and runs: schema, reading, expansion, selection."""
