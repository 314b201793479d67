"""What a study can name: tasks, backbones, norms, recipes, and their options."""
