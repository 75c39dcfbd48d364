"""Frozen content encoders and their vectors on disk."""
