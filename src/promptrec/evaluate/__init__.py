"""Protocols, metrics, significance, reports."""
