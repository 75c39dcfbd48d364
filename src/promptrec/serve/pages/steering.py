"""What steers one list: nothing, the request, prompts with weights, or both; as a word of the address."""

from __future__ import annotations

from dataclasses import dataclass, replace

PLAIN, WORDS = "plain", "words"
MOST_PARTS = 20


@dataclass(frozen=True)
class Steering:
    """words: whether the request steers. parts: names of prompts and their weights, relative to one another."""

    words: bool = False
    parts: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, address: str) -> Steering:
        """`plain`, `words`, `p.NAME` a prompt, `p.NAME:70,NAME:30` a mix of prompts, `w.…` with the request as well."""
        kind, _, names = address.partition(".")
        parts = []
        for part in names.split(",") if names else ():
            name, _, weight = part.rpartition(":")
            known = name and weight.isascii() and weight.isdigit()
            parts.append((name, min(int(weight[:4]), 100)) if known else (part, 50))
        return cls(kind in (WORDS, "w"), tuple(parts[:MOST_PARTS]))

    @property
    def address(self) -> str:
        if not self.parts:
            return WORDS if self.words else PLAIN
        names = ",".join(f"{name}:{weight}" for name, weight in self.parts)
        return ("w." if self.words else "p.") + (names if len(self.parts) > 1 else self.parts[0][0])

    @property
    def shares(self) -> tuple[tuple[str, int, int], ...]:
        """Each prompt with its weight and its share in percent."""
        whole = sum(weight for _, weight in self.parts) or 1
        return tuple((name, weight, round(100 * weight / whole)) for name, weight in self.parts)

    def having(self, name: str, weight: int = 50) -> Steering:
        """With a prompt's weight changed or the prompt added; without it where the weight is 0."""
        known = dict(self.parts)
        known[name] = weight
        return replace(self, parts=tuple((one, share) for one, share in known.items() if share))
