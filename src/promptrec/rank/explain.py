"""Why an item is there, in plain words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptrec.backbone.interface import Backbone
from promptrec.prompt.query import Query
from promptrec.rank.lexical import Lexical

LATEST = 30
MOST_WORDS = 2


def reasons(
    backbone: Backbone, query: Query, rows: npt.NDArray[np.int64], lexical: Lexical | None = None
) -> list[tuple[str, ...]]:
    """For each item at `rows`: the history item that lifts it most, measured by leaving each out; whether the prompt or
    request lifts it, measured by leaving that out; the words of the request that it is found by; and attribute words it
    shares with the history.
    """
    catalogue = backbone.catalogue
    latest = query.history.last(LATEST)
    variants = [Query(history=latest, prompt=query.prompt)]
    variants += [Query(history=latest.without(i), prompt=query.prompt) for i in range(len(latest))]
    scores = backbone.score([*variants, Query(history=latest)], rows)
    lifted_by_item = scores[0] - scores[1:-1]
    lifted_by_prompt = scores[0] - scores[-1]
    words = {name: catalogue.words_of(name) for name in catalogue.word_attributes}
    found = []
    for position, row in enumerate(rows):
        own = []
        if query.prompt is not None and lifted_by_prompt[position] > 0:
            own.append(
                f"fits “{query.prompt.words}”" if query.request is None else f"fits your request “{query.request}”"
            )
        if query.request is not None and lexical is not None:
            matched = lexical.matches(query.request, int(row))
            if matched:
                own.append(f"has {', '.join(f'“{word}”' for word in matched)} of your request")
        if len(latest) and lifted_by_item[:, position].max() > 0:
            own.append(f"because of {catalogue.title(int(latest.rows[lifted_by_item[:, position].argmax()]))}")
        for of_items in words.values():
            before = [word for other in latest.rows for word in of_items[other]]
            shared = sorted(
                (word for word in set(of_items[row]) if word in before), key=lambda w: (-before.count(w), w)
            )
            if shared:
                own.append(f"shares {', '.join(shared[:MOST_WORDS])} with your history")
        found.append(tuple(own))
    return found
