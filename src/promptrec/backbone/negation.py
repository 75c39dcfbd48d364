"""What a request wants and what it does not want, told apart before the words are turned into vectors.

Sentence vectors of "a comedy" and "no comedy" lie side by side, so the words of refusal are read as words: English and
Chinese ones, each with what follows it up to the end of the clause.
"""

from __future__ import annotations

import re

_ENGLISH = (
    r"\b(?:but\s+|and\s+)?(?:(?:I\s+|i\s+|we\s+)?(?:do\s+not|don['’]?t)\s+(?:want|like)|nothing\s+(?:with|about|for|like)"
    r"|anything\s+but|not|no|without|except|avoid|^Not|^No|^Nothing\s+(?:with|about|for|like)|^Avoid|^Without)\b\s*(?P<en>[^,.;!?，。；！？]*?)(?=\s*(?:[,.;!?，。；！？]|\bbut\b|$))"
)
_CHINESE = r"(?:但是?|而且|也)?(?:不要|不想要|不想看|不想|不喜欢|别给我|别|除了|拒绝)(?P<zh>[^,.;!?，。；！？]*)"
_REFUSAL = re.compile(f"{_ENGLISH}|{_CHINESE}")


def wanted_and_unwanted(request: str) -> tuple[str, tuple[str, ...]]:
    """The request without its refusals, and what each of them refuses; either may be empty."""
    unwanted = tuple(
        phrase for found in _REFUSAL.finditer(request) if (phrase := (found["en"] or found["zh"] or "").strip())
    )
    if not unwanted:
        return request, ()
    return _REFUSAL.sub("", request).strip(" ,.;!?，。；！？"), unwanted
