"""Whether the text encoder can read a request."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

# The scripts of the encoder's languages (Arabic, Chinese, Dutch, English, French, German, Italian, Japanese, Korean,
# Polish, Portuguese, Russian, Spanish, Thai, Turkish), by the first word of Unicode's names of their letters.
KNOWN = {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "CYRILLIC", "THAI", "FULLWIDTH", "HALFWIDTH"}


@lru_cache(10_000)
def language_note(request: str) -> str | None:
    """What to tell a person whose words are mostly in a script that the encoder does not know, or in none."""
    scripts = Counter(unicodedata.name(letter, "?").split()[0] for letter in request if letter.isalpha())
    if not scripts:
        return "the request has no words; it says little about what is wanted"
    script, letters = scripts.most_common(1)[0]
    if script in KNOWN or letters * 2 < scripts.total():
        return None
    return f"the text encoder does not know {script.title()} script; the request may have little effect"
