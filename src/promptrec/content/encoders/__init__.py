"""The kinds of content encoders, one a file; `promptrec.content.kinds` finds whatever lies here."""
