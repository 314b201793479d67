"""What a study decides, what its plan can find, what it costs, and that in words."""
