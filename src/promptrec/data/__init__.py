"""Read, clean, validate, split."""
