"""What a request says: words of refusal, of hinting and of quality are read as words, the rest is for the encoder."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from promptrec.backbone.clauses import clauses_of, joined_wishes
from promptrec.backbone.qualities import Amounts, read, read_eased

HINT, SLIGHT, LESS = 0.1, 0.03, -0.05  # of the step that a wish makes
QUOTED = re.compile('[“"「『《]([^“”"「」『』《》]+)[”"」』》]')


@dataclass(frozen=True)
class Spoken:
    """wanted: the wish, and its words in quotation marks, which are parts of their own; aside: phrases, each with the
    part of a wish's step that is made towards it, or away from it where below zero; qualities: how much of each;
    joined: the wishes that the wish may join.
    """

    wanted: tuple[str, ...] = ()
    aside: tuple[tuple[str, float], ...] = ()
    qualities: Amounts = field(default_factory=Amounts)
    joined: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """What is to be encoded."""
        return [*self.wanted, *self.joined, *(phrase for phrase, _ in self.aside)]


def spoken_of(request: str, known: Collection[str]) -> Spoken:
    """known: the qualities whose words are read; hinted at they count half, refused the other way round."""
    rest, amounts = read_eased(request, known)
    asked = clauses_of(rest)
    wanted, own = read(asked.wanted, known)
    found, aside = [(own, 1.0)], []
    for phrases, step, times in (
        (asked.hinted, HINT, 0.5),
        (asked.slightly, SLIGHT, 0.25),
        (asked.less, LESS, -0.5),
        (asked.unwanted, -1.0, -1.0),
    ):
        for phrase in phrases:
            left, own = read(phrase, known)
            found.append((own, times))
            aside += [(left, step)] if left else []
    for own, times in found:
        for name, amount in own.items():
            amounts[name] = amounts.get(name, 0.0) + times * amount
    parts = (wanted, *QUOTED.findall(wanted)) if wanted else ()
    return Spoken(parts, tuple(aside), amounts, joined_wishes(wanted))
