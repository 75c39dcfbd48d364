"""What a request wants, what it hints at and what it does not want, told apart before words are turned into vectors.

Sentence vectors of "a comedy" and "no comedy" lie side by side, and so do those of "a comedy" and "a touch of comedy".
So the words of refusal and of hinting are read as words: English and Chinese ones, each with what follows it up to the
end of the clause. A hint may be slight ("a slight touch of"), and a refusal may be half of one ("not too much").
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
_LESS = re.compile(
    r"(?:\b(?:but\s+|and\s+)?(?:(?:not|nothing)\s+(?:too|so)|(?:rather|preferably|ideally)\s+not|(?:less|fewer)(?![-\s]+(?:than|known)\b))\b"
    r"(?:\s+(?:much|many|of))*|不要太多?|别太多?|不太|少一?[点些]|最好(?:不要|别))\s*(?P<what>[^,.;!?，。；！？]*)"
)


_LITTLE, _RATHER = ("touch", "hint", "bit", "dash"), ("preferably", "ideally")
HINTING = frozenset((*_LITTLE, *_RATHER))
"""English words that turn what follows them into a hint; they say nothing by themselves."""
_SLIGHT = re.compile(
    rf"(?:\b(?:with\s+|and\s+)?an?\s+(?:slight|small|faint|tiny)\s+(?:{'|'.join(_LITTLE)})\s+of\b|带一丝)\s*"
    r"(?P<what>[^,.;!?，。；！？]*)"
)
_HINT = re.compile(
    rf"(?:\b(?:with\s+|and\s+)?(?:an?\s+(?:{'|'.join(_LITTLE)})\s+of|{'|'.join(_RATHER)})\b|[略稍]带|带点|最好(?!的)是?)\s*"
    r"(?P<what>[^,.;!?，。；！？]*)"
)
_ENDS = " ,.;!?，。；！？"
_JOINS = re.compile(
    r"\s*(?:[,，、;；+&和与及兼加]|\b(?:and|plus|with|(?:but|and)\s+also|as\s+well\s+as)\b|以及|并且|而且|同时|[又也](?:是|有|要)?)\s*"
)
_DECADE = re.compile(r"(?:\b(?:from|of|in)\s+the\s+)?(?<!\d)(?:\d\d)?\d0(?:['’]?s\b|年代的?)")


@dataclass(frozen=True)
class Clauses:
    """wanted: the request without the rest, empty where it only refuses; each of the others may be missing."""

    wanted: str
    hinted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    slightly: tuple[str, ...] = ()
    less: tuple[str, ...] = ()


def clauses_of(request: str) -> Clauses:
    """The parts of a request. One that only hints wants what it hints at."""
    less, wanted = _taken(_LESS, request)
    unwanted, wanted = _taken(_REFUSAL, wanted)
    slightly, rest = _taken(_SLIGHT, wanted)
    hinted, rest = _taken(_HINT, rest)
    return Clauses(rest, hinted, unwanted, slightly, less) if rest else Clauses(wanted, (), unwanted, (), less)


def _taken(pattern: re.Pattern[str], text: str) -> tuple[tuple[str, ...], str]:
    """What the words of a pattern are followed by, wherever it is found, and the text without them."""
    found = tuple(
        phrase
        for match in pattern.finditer(text)
        if (phrase := next(filter(None, match.groupdict().values()), "").strip())
    )
    return (found, pattern.sub("", text).strip(_ENDS)) if found else ((), text)


def joined_wishes(wanted: str) -> tuple[str, ...]:
    """The wishes that a wish may join, as "comedies and war films" or "a comedy from the 1990s": each by itself, a
    decade as one of its own. Empty where there is one."""
    others = (part.strip(_ENDS) for part in _JOINS.split(_DECADE.sub(" ", wanted)))
    found = (*filter(None, others), *_DECADE.findall(wanted))
    return found if len(found) > 1 else ()
