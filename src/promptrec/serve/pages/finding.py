"""Titles and people: found by what is typed, or offered to begin with."""

from __future__ import annotations

from typing import Any

from promptrec.serve.engine.release import Release
from promptrec.serve.pages.asked import Asked
from promptrec.serve.search import nearest

SAMPLES = 8


def find(release: Release, q: str, asked: Asked) -> dict[str, Any]:
    """Titles with the words of `q`; where there are none, those nearest in meaning; and people whose id begins so."""
    left_out = {*asked.history, *release.deleted}
    text = q.strip()[:200]
    titles = [(id_, title) for id_, title in release.search.find(text) if id_ not in left_out]
    near = []
    if text and not titles:
        near = [(id_, title) for id_, title in nearest(release.recommender, text) if id_ not in left_out]
    users = release.recommender.dataset.histories.users
    people = [text] if text and text in users else []
    people += [user for user in users if text and user.startswith(text) and user != text][: 3 - len(people)]
    return {"titles": titles, "near": near, "people": people}


def samples(release: Release) -> list[tuple[str, str]]:
    """The most popular items."""
    catalogue = release.recommender.catalogue
    rows = [int(row) for row in release.popular[: SAMPLES + len(release.deleted)]]
    return [(catalogue.ids[row], catalogue.title(row)) for row in rows if catalogue.ids[row] not in release.deleted][
        :SAMPLES
    ]
