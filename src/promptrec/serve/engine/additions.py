"""Items that came, changed or went while the service runs: ranked at once, from their content."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from promptrec.content.encoder import Vectors
from promptrec.data.catalogue import Catalogue
from promptrec.data.dataset import Dataset
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.serve.store import ItemChange


def with_changes(base: Recommender, changes: Sequence[ItemChange], before: Recommender | None = None) -> Recommender:
    """The recommender over the catalogue as `changes` leave it. Deleted items keep their rows, as they stay in
    people's histories; whoever ranks must leave them out. before: over the catalogue as earlier changes left it; only
    texts that it does not have are encoded.
    """
    put = {change.item_id: change.item for change in changes if change.item is not None}
    if not put:
        return base
    dataset = _with_items(base.dataset, put)
    rows = dataset.catalogue.rows(put)
    vectors = _longer(base.vectors, len(dataset.catalogue))
    texts = dataset.catalogue.texts
    vectors[rows] = _encoded(base, [texts[row] for row in rows], list(put), before)
    others = {name: _longer(own, len(vectors)) for name, own in base.others.items()}
    apart = dataset.catalogue.texts_apart
    for name in apart.keys() & others.keys():  # items that come through the service have no files
        given = [apart[name][row] for row in rows]
        there = [place for place, text in enumerate(given) if text]
        others[name][rows] = 0
        if there:
            others[name][rows[there]] = base.requests.text_encoder.encode([str(given[place]) for place in there])
    backbone = base.backbone.over(dataset.catalogue, vectors, others)
    requests = copy.copy(base.requests)
    requests.backbone = backbone
    return derived(
        base,
        dataset=dataset,
        catalogue=dataset.catalogue,
        vectors=vectors,
        others=others,
        backbone=backbone,
        requests=requests,
        likes={name: like.over(backbone) for name, like in base.likes.items()},
    )


def _longer(vectors: Vectors, items: int) -> Vectors:
    """The vectors with rows of zeros after them."""
    longer = np.zeros((items, vectors.shape[1]), dtype=vectors.dtype)
    longer[: len(vectors)] = vectors
    return longer


def _encoded(base: Recommender, texts: Sequence[str], ids: Sequence[str], before: Recommender | None) -> Vectors:
    """The vectors of items' texts, those of `before` where it has the same item with the same text."""
    vectors = np.zeros((len(texts), base.vectors.shape[1]), dtype=base.vectors.dtype)
    new = list(range(len(texts)))
    if before is not None:
        rows, known = before.catalogue.rows(ids), before.catalogue.texts
        kept = [i for i in new if rows[i] >= 0 and known[rows[i]] == texts[i]]
        vectors[kept] = before.vectors[rows[kept]]
        new = sorted(set(new) - set(kept))
    if new:
        vectors[new] = base.requests.text_encoder.encode([texts[i] for i in new])
    return vectors


def derived(base: Recommender, **parts: Any) -> Recommender:
    """A copy with other parts, and without what was computed from the old ones."""
    made = copy.copy(base)
    for name in [name for name in vars(made) if isinstance(getattr(type(made), name, None), cached_property)]:
        delattr(made, name)
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def columns_of(
    catalogue: Catalogue, title: str, description: str | None, attributes: Mapping[str, Any]
) -> pl.DataFrame:
    """One item as a row of the catalogue. Raises PromptrecError for an attribute that it does not have, or whose value
    is of another kind.
    """
    unknown = next((name for name in attributes if name not in catalogue.attributes), None)
    if unknown is not None:
        raise PromptrecError(
            f"attributes.{unknown}: the catalogue has no such attribute; it has {', '.join(catalogue.attributes)}"
        )
    given: dict[str, Any] = {"title": title, "description": description, **attributes}
    frame = {}
    for name, kind in catalogue.items.schema.items():
        value = given.get(name)
        if kind == pl.List(pl.String) and isinstance(value, str):
            raise PromptrecError(f"attributes.{name}: expected {_said(kind)}, found {value!r}"[:300])
        try:
            frame[name] = pl.Series([value], dtype=kind, strict=True)
        except (TypeError, pl.exceptions.PolarsError, OverflowError):
            where = name if name in ("title", "description") else f"attributes.{name}"
            raise PromptrecError(f"{where}: expected {_said(kind)}, found {value!r}"[:300]) from None
    return pl.DataFrame(frame)


def _said(kind: pl.DataType) -> str:
    if kind == pl.List(pl.String):
        return "a list of words"
    return "words" if kind == pl.String else f"a value of kind {kind}"


def _with_items(dataset: Dataset, put: Mapping[str, Mapping[str, Any]]) -> Dataset:
    """Changed items keep their rows and new ones come last, so that the rows of histories stay right."""
    before = dataset.catalogue
    added = []
    for id_, item in put.items():
        known = {name: value for name, value in item["attributes"].items() if name in before.attributes}
        row = columns_of(before, item["title"], item["description"], known)
        added.append(row.with_columns(pl.lit(id_).alias("id")).select(before.items.columns))
    changed = pl.concat(added)
    items = dataset.items.update(changed, on="id", how="full", include_nulls=True, maintain_order="left")
    after = Dataset(dataset.events, items, dataset.users, dataset.manifest)
    after.__dict__["histories"] = dataset.histories
    return after
