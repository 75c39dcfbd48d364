"""Pretrained models: packaged ones that pip alone brings, and where any other is looked for."""
