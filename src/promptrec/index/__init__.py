"""From query vectors to the items that lie nearest."""
