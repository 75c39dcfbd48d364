"""Ways to make a prompt."""
