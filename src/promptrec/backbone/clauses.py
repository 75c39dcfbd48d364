"""What a request wants, what it hints at and what it does not want, told apart before words are turned into vectors.

Sentence vectors of "a comedy" and "no comedy" lie side by side, and so do those of "a comedy" and "a touch of comedy".
So the words of refusal and of hinting are read as words: English and Chinese ones, each with what follows it up to the
end of the clause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENGLISH = (
    r"\b(?:but\s+|and\s+)?(?:(?:I\s+|i\s+|we\s+)?(?:do\s+not|don['’]?t)\s+(?:want|like)|nothing\s+(?:with|about|for|like)"
    r"|anything\s+but|not|no|without|except|avoid|^Not|^No|^Nothing\s+(?:with|about|for|like)|^Avoid|^Without)\b\s*(?P<en>[^,.;!?，。；！？]*?)(?=\s*(?:[,.;!?，。；！？]|\bbut\b|$))"
)
_CHINESE = r"(?:但是?|而且|也)?(?:不要|不想要|不想看|不想|不喜欢|别给我|别|除了|拒绝)(?P<zh>[^,.;!?，。；！？]*)"
_REFUSAL = re.compile(f"{_ENGLISH}|{_CHINESE}")


_LITTLE, _RATHER = ("touch", "hint", "bit", "dash"), ("preferably", "ideally")
HINTING = frozenset((*_LITTLE, *_RATHER))
"""English words that turn what follows them into a hint; they say nothing by themselves."""
_HINT = re.compile(
    rf"(?:\b(?:with\s+|and\s+)?(?:an?\s+(?:{'|'.join(_LITTLE)})\s+of|{'|'.join(_RATHER)})\b|[略稍]带|带点|最好是?)\s*"
    r"(?P<what>[^,.;!?，。；！？]*)"
)
_ENDS = " ,.;!?，。；！？"


@dataclass(frozen=True)
class Clauses:
    """wanted: the request without the rest, empty where it only refuses; each of the others may be missing."""

    wanted: str
    hinted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


def clauses_of(request: str) -> Clauses:
    """The parts of a request. One that only hints wants what it hints at."""
    unwanted = _phrases(_REFUSAL, request)
    wanted = _REFUSAL.sub("", request).strip(_ENDS) if unwanted else request
    hinted = _phrases(_HINT, wanted)
    rest = _HINT.sub("", wanted).strip(_ENDS) if hinted else ""
    return Clauses(rest, hinted, unwanted) if rest else Clauses(wanted, (), unwanted)


def _phrases(pattern: re.Pattern[str], request: str) -> tuple[str, ...]:
    """What the words of a pattern are followed by, wherever it is found."""
    found = ((match.groupdict().values()) for match in pattern.finditer(request))
    return tuple(phrase for groups in found if (phrase := next(filter(None, groups), "").strip()))
