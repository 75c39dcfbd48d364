"""The `language` backbone: a frozen Hugging Face model that reads requests, prompts and histories as words."""
