"""Why an item is there, in plain words, with the share of its score that each reason explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptrec.backbone.interface import Backbone
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.prompt.prompt import Prompt, mix
from promptrec.prompt.query import Query
from promptrec.rank.lexical import Lexical
from promptrec.rank.words import pieces

LATEST = 30
LEAST_SHARE = 0.05
MOST_ITEMS = 2
MOST_WORDS = 2
AVERAGED = 1_000
REQUEST = "request"

Lifts = npt.NDArray[np.float32]
Reworded = Callable[[str], Prompt]


@dataclass(frozen=True)
class _Factors:
    """What each thing adds to the score of each item, at least 0: events (e, n), leaves of the prompt (p, n), and words
    of the request (w, n), which divide the request's part among them.
    """

    events: Lifts
    leaves: Lifts
    words: Lifts


def reasons(
    backbone: Backbone, query: Query, rows: Rows, reworded: Reworded, lexical: Lexical | None = None
) -> list[tuple[str, ...]]:
    """For each item at `rows` what lifts it, and what it has in common with the history.

    Each of the latest 30 events, each prompt and the request are left out, and so are the words of the request, one at
    a time; what the score then loses, more than the scores of all items lose on average, is what they add to it: a
    request that pushes the others down lifts the item as well. The share of a reason is its part of all that was added.
    reworded: the prompt of a request in other words.
    """
    latest = query.history.last(LATEST)
    leaves = query.prompt.flat() if query.prompt else []
    asked = next((i for i, (leaf, _) in enumerate(leaves) if leaf.name == REQUEST), None)
    spans = pieces(leaves[asked][0].words) if asked is not None else []
    factors = _measured(backbone, query, rows, reworded, lexical, (asked, spans))
    whole = np.maximum(factors.events.sum(axis=0) + factors.leaves.sum(axis=0), 1e-12)
    shared = _shared_words(backbone.catalogue, latest.rows, rows)
    found = []
    for place in range(len(rows)):
        own = []
        for i, (leaf, _) in enumerate(leaves):
            share = float(factors.leaves[i, place] / whole[place])
            if share >= LEAST_SHARE and leaf.words:
                what = f"fits your request “{query.request}”" if i == asked else f"fits “{leaf.words}”"
                best = _most(factors.words[:, place], MOST_WORDS) if i == asked and len(spans) > 1 else []
                words = " and ".join(f"“{leaf.words[slice(*spans[word])]}”" for word in best)
                own.append(f"{what} ({share:.0%} of its score{', most by ' + words if words else ''})")
        for event in _most(factors.events[:, place], MOST_ITEMS):
            share = float(factors.events[event, place] / whole[place])
            if share >= LEAST_SHARE:
                own.append(f"because of {backbone.catalogue.title(int(latest.rows[event]))} ({share:.0%} of its score)")
        if query.request is not None and lexical is not None:
            matched = lexical.matches(query.request, int(rows[place]))
            if matched:
                own.append(f"has {', '.join(f'“{word}”' for word in matched)} of your request")
        found.append((*own, *shared[place]))
    return found


def _measured(
    backbone: Backbone,
    query: Query,
    rows: Rows,
    reworded: Reworded,
    lexical: Lexical | None,
    request: tuple[int | None, Sequence[tuple[int, int]]],
) -> _Factors:
    latest = query.history.last(LATEST)
    leaves = query.prompt.flat() if query.prompt else []
    asked, spans = request
    text = leaves[asked][0].words if asked is not None else ""
    left = [text[:start] + text[end:] for start, end in spans]
    prompts = [_without(leaves, i, None) for i in range(len(leaves))]
    prompts += [_without(leaves, asked, reworded(words) if words.strip() else None) for words in left]
    variants = [Query(latest, query.profile, prompt=query.prompt)]
    variants += [Query(latest.without(i), query.profile, prompt=query.prompt) for i in range(len(latest))]
    variants += [Query(latest, query.profile, prompt=prompt) for prompt in prompts]
    everything = len(backbone.catalogue)
    others = np.unique(np.linspace(0, everything - 1, min(everything, AVERAGED)).astype(int))
    scores = backbone.score(variants, np.concatenate([rows, others]))
    lifts = scores[0] - scores[1:]
    lifts = lifts[:, : len(rows)] - lifts[:, len(rows) :].mean(axis=1, keepdims=True)
    by_words = np.zeros((len(spans), len(rows)), dtype=np.float32)
    if query.request is not None and lexical is not None:
        lifts *= (1 - lexical.share) / max(float(backbone.score(variants[:1])[0].std()), 1e-12)
        for place, span in enumerate(spans):
            by_words[place] = lexical.part(text[slice(*span)], text)[rows]
    events, parts, words = np.split(lifts, [len(latest), len(latest) + len(leaves)])
    parts = np.maximum(parts, 0)
    if asked is not None and query.request is not None and lexical is not None:
        parts[asked] += lexical.part(text, text)[rows]
    return _Factors(np.maximum(events, 0), parts, np.maximum(words, 0) + by_words)


def _without(leaves: Sequence[tuple[Prompt, float]], place: int | None, instead: Prompt | None) -> Prompt | None:
    others = [leaf for i, leaf in enumerate(leaves) if i != place]
    if instead is not None and place is not None:
        others.append((instead, leaves[place][1]))
    if not others:
        return None
    return others[0][0] if len(others) == 1 else mix(others)


def _most(lifts: Lifts, most: int) -> list[int]:
    order = np.argsort(-lifts, kind="stable")[:most]
    return [int(i) for i in order if lifts[i] > 0]


def _shared_words(catalogue: Catalogue, history: Rows, rows: Rows) -> list[list[str]]:
    """For each item the attribute words that it has in common with the history, those that are in it most first."""
    found: list[list[str]] = [[] for _ in rows]
    for name in catalogue.word_attributes:
        known = catalogue.items[name]
        own = known.gather(rows).to_list()
        before = [word for words in known.gather(history).to_list() for word in _listed(words)]
        for place, words in enumerate(own):
            shared = sorted({*_listed(words)} & {*before}, key=lambda word: (-before.count(word), word))
            if shared:
                found[place].append(f"shares {', '.join(shared[:MOST_WORDS])} with your history")
    return found


def _listed(words: str | list[str] | None) -> list[str]:
    return [words] if isinstance(words, str) else list(words or [])
