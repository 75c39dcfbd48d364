"""What a person asks for on the Try view: every state of it is an address that can be sent to somebody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from promptrec.serve.pages.steering import PLAIN, WORDS, Steering

MOST_COLUMNS = 3
DEFAULT_COLUMNS = (PLAIN, WORDS)
ACTIONS = ("add", "like", "hide", "drop", "unhide", "show", "person", "column", "close", "say", "nopicture")
MIX = ("was.", "mix.", "blend.")


@dataclass(frozen=True)
class Asked:
    """history: item ids, oldest first, after the events of `person` where there is one. hidden: never to show.
    picture: the name of an uploaded one, part of the request. columns: what steers each list (`pages/steering.py`).
    weight, diversity: in percent.
    """

    person: str = ""
    history: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    request: str = ""
    picture: str = ""
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    weight: int = 50
    diversity: int = 0

    @classmethod
    def of(cls, given: QueryParams) -> Asked:
        """Read an address; what cannot be a value is taken for its default."""
        return cls(
            person=given.get("u", "").strip()[:200],
            history=_unique(given.getlist("h")),
            hidden=_unique(given.getlist("x")),
            request=given.get("request", "").strip(),
            picture=given.get("i", "").strip()[:32],
            columns=tuple(given.getlist("c"))[:MOST_COLUMNS] or DEFAULT_COLUMNS,
            weight=_percent(given.get("w"), 50),
            diversity=_percent(given.get("d"), 0),
        ).after(given)

    def after(self, given: QueryParams) -> Asked:
        """What the button that was pressed makes of it."""
        asked = self
        for id_ in (*given.getlist("add"), *given.getlist("like")):
            hidden = tuple(other for other in asked.hidden if other != id_)
            asked = replace(asked, history=_unique([*asked.history, id_]), hidden=hidden)
        for id_ in given.getlist("hide"):
            asked = replace(asked, hidden=_unique([*asked.hidden, id_]))
        for id_ in given.getlist("drop"):
            asked = replace(asked, history=tuple(other for other in asked.history if other != id_))
        for id_ in given.getlist("show"):
            asked = replace(asked, hidden=tuple(other for other in asked.hidden if other != id_))
        if "unhide" in given:
            asked = replace(asked, hidden=())
        if "person" in given:
            asked = replace(asked, person=given["person"].strip()[:200])
        if "say" in given:
            asked = replace(asked, request=given["say"].strip())
        if "nopicture" in given:
            asked = replace(asked, picture="")
        if "column" in given and len(asked.columns) < MOST_COLUMNS:
            asked = replace(asked, columns=(*asked.columns, given["column"]))
        asked = replace(asked, columns=tuple(_mixed(n, column, given) for n, column in enumerate(asked.columns)))
        if given.get("close", "").isdigit() and len(asked.columns) > 1:
            closed = int(given["close"])
            asked = replace(asked, columns=tuple(one for n, one in enumerate(asked.columns) if n != closed))
        return asked

    @property
    def empty(self) -> bool:
        """Whether there is nothing to go by: no person, no history, no words and no prompt."""
        asks = self.request or self.picture
        return not (self.person or self.history or asks or any("." in column for column in self.columns))

    def query(self) -> str:
        """The query string of the address."""
        pairs = [("u", self.person)] if self.person else []
        pairs += [("h", id_) for id_ in self.history]
        pairs += [("request", self.request)] if self.request else []
        pairs += [("i", self.picture)] if self.picture else []
        pairs += [("c", column) for column in self.columns] if self.columns != DEFAULT_COLUMNS else []
        pairs += [("w", str(self.weight))] if self.weight != 50 else []
        pairs += [("d", str(self.diversity))] if self.diversity else []
        pairs += [("x", id_) for id_ in self.hidden]
        return urlencode(pairs)


def acts(given: QueryParams) -> bool:
    """Whether the address has a button that was pressed, so that it is not the address of a state."""
    return any(name in ACTIONS or name.startswith(MIX) for name in given)


def _mixed(place: int, column: str, given: QueryParams) -> str:
    """The column with the weights of its sliders, unless another steering was chosen for it meanwhile."""
    if given.get(f"was.{place}") != column:
        return column
    steering = Steering.of(column)
    if name := given.get(f"blend.{place}"):
        steering = steering.having(name)
    for name, _ in steering.parts:
        weight = _percent(given.get(f"mix.{place}.{name}"), -1)
        steering = steering if weight < 0 else steering.having(name, weight)
    return steering.address


def _unique(ids: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id_ for id_ in ids if id_))


def _percent(given: str | None, otherwise: int) -> int:
    return min(int(given), 100) if given and given.isascii() and given.isdigit() else otherwise
