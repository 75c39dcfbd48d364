"""From a query vector to the best items."""
