"""General models and the request encoder."""
