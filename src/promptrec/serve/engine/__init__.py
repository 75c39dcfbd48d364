"""Ranking for many callers at once: batching, caches, releases that are swapped while calls run."""
