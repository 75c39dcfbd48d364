"""The `factorization` backbone: dot-product factors, and the same with a tower that reads the history."""
