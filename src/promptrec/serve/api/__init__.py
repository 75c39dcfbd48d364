"""The HTTP interface: one family of routes a file."""
