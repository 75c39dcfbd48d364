"""The prompt, its kinds, the library of saved prompts."""
