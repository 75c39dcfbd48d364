"""From candidates to an answer: filters, seen items, reasons."""
