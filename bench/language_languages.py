"""A request in one language on items in the other: how much of what it does in the items' own language is left.

Films with English titles (MovieLens-100K) are asked for by genre, courses with Chinese introductions by subject; the
effect of a request is the share of the top ten that has what was asked for, less that of the same people without one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from language_no_events import courses_files
from language_world import interval, workspace
from promptrec.backbone.wishes import attribute_words
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from result import goal

MODEL = "multilingual-e5-small"
PEOPLE = 50
LATEST = 5
FILMS = {"en": "I would like to watch a {} film", "zh": "我想看一部{}电影"}
COURSES = {"en": "I would like to take a course on {}", "zh": "我想上一门{}课"}
# What an introduction has to contain, and what a person would call it in English.
SUBJECTS = {
    "经济": "economics", "计算机": "computer science", "数学": "mathematics", "物理": "physics", "化学": "chemistry",
    "音乐": "music", "医学": "medicine", "历史": "history", "法律": "law", "英语": "the English language",
}  # fmt: skip

Asked = list[tuple[dict[str, str], np.ndarray]]  # requests by language, and which items have what they ask for


def languages() -> dict[str, Any]:
    films = workspace("films", MODEL, lambda _: ["fetch", "movielens-100k"])
    courses = workspace("courses", MODEL, courses_files)
    labels = films.dataset.manifest["labels"]["zh"]
    genres: Asked = [
        ({"en": FILMS["en"].format(word.word.lower()), "zh": FILMS["zh"].format(labels[word.word])}, word.carried)
        for word in attribute_words(films.catalogue, films.dataset.manifest["labels"])
        if word.word in labels
    ]
    texts = courses.catalogue.texts
    subjects: Asked = [
        (
            {"en": COURSES["en"].format(english), "zh": COURSES["zh"].format(chinese)},
            np.array([chinese in text for text in texts]),
        )
        for chinese, english in SUBJECTS.items()
    ]
    rows, shares, notes = [], [], []
    for name, recommender, asked, own in (("films", films, genres, "en"), ("courses", courses, subjects, "zh")):
        found = effects(recommender, asked)
        other = "zh" if own == "en" else "en"
        for language, values in found.items():
            rows.append({"part": "languages", "items": name, "request": language, **interval(values)})
        shares.append(float(found[other].mean() / found[own].mean()))
        notes.append(f"{name}: {own} {found[own].mean():+.3f}, {other} {found[other].mean():+.3f}, {shares[-1]:.0%}")
    value = min(shares)
    text = "effect of a request in the other language, share of that in the same"
    note = f"the lesser of two catalogues; share of the top ten gained, {'; '.join(notes)}"
    return {"rows": rows, "goals": [goal("languages", text, 0.85, value, note)]}


def effects(recommender: Recommender, asked: Asked) -> dict[str, np.ndarray]:
    """By language (requests,) the mean share of the top ten gained, over people held out and their latest events."""
    people, histories = recommender.split.test, recommender.split.histories
    drawn = generator(0, "bench languages").permutation(people)[:PEOPLE]
    latest = [histories.of(int(person)).last(LATEST) for person in drawn]
    seen = [histories.of(int(person)).rows for person in drawn]

    def share(request: str | None, carried: np.ndarray) -> float:
        prompt = None if request is None else recommender.requests.prompt(request)
        scores = recommender.backbone.score([Query(history, prompt=prompt) for history in latest])
        for own, rows in zip(scores, seen, strict=True):
            own[rows] = -np.inf
        return float(carried[np.argsort(-scores, axis=1)[:, :10]].mean())

    without = [share(None, carried) for _, carried in asked]
    return {
        language: np.array([share(texts[language], carried) for texts, carried in asked]) - without
        for language in ("en", "zh")
    }
