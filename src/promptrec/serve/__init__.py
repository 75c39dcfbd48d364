"""The real-time service and its page."""
