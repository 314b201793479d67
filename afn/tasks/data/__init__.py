"""Arrays of a task: raw sources in, prepared files out, and their one reader."""
