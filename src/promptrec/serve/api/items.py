"""GET, PUT and DELETE /v1/items."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from promptrec.errors import NotFoundError
from promptrec.serve.engine.additions import columns_of
from promptrec.serve.engine.engine import Engine
from promptrec.serve.engine.release import Release
from promptrec.serve.schemas import FoundItem, FoundOut, ItemIn, ItemOut, SimilarOut
from promptrec.serve.schemas.base import NO_CONTROLS
from promptrec.serve.schemas.items import SimilarItem

ItemId = Annotated[str, Path(min_length=1, max_length=200, pattern=NO_CONTROLS)]


def item_routes(engine: Engine) -> APIRouter:
    routes = APIRouter(prefix="/v1/items", tags=["items"])

    @routes.get("", summary="Find items by words of their titles, or list them")
    def find(
        q: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 20,
        offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
    ) -> FoundOut:
        release = engine.current
        if q is None:
            catalogue = release.recommender.catalogue
            found = [(id_, title) for id_, title in zip(catalogue.ids, catalogue.titles, strict=True)]
        else:
            found = release.search.find(q, limit + offset + len(release.deleted))
        shown = [FoundItem(id=id_, title=title) for id_, title in found if id_ not in release.deleted]
        return FoundOut(items=shown[offset : offset + limit])

    @routes.get("/{item_id:path}/similar", summary="The items most like one item")
    def similar(item_id: ItemId, k: Annotated[int, Query(ge=1, le=100)] = 10) -> SimilarOut:
        release = engine.current
        _row(release, item_id)
        recommender = release.recommender
        found = recommender.similar(item_id, min(k + len(release.hidden), len(recommender.catalogue)))
        shown = [one for one in found if one.id not in release.deleted][:k]
        return SimilarOut(items=[SimilarItem(id=one.id, title=one.title, score=one.score) for one in shown])

    @routes.get("/{item_id:path}", summary="Everything known about one item")
    def item(item_id: ItemId) -> ItemOut:
        return _item(engine.current, item_id)

    @routes.put("/{item_id:path}", summary="Add or change an item; it can be recommended at once, from its content")
    def put(item_id: ItemId, body: ItemIn) -> ItemOut:
        columns_of(engine.current.recommender.catalogue, body.title, body.description, body.attributes)
        engine.store.change_item(item_id, body.model_dump())
        engine.releases.refresh()
        return _item(engine.current, item_id)

    @routes.delete("/{item_id:path}", summary="Never show an item again", status_code=204)
    def delete(item_id: ItemId) -> None:
        _row(engine.current, item_id)
        engine.store.change_item(item_id, None)
        engine.releases.refresh()

    return routes


def _row(release: Release, item_id: str) -> int:
    if item_id in release.deleted:
        raise NotFoundError(f"item {item_id!r} was deleted; PUT brings it back")
    return release.recommender.catalogue.row(item_id)


def _item(release: Release, item_id: str) -> ItemOut:
    catalogue, row = release.recommender.catalogue, _row(release, item_id)
    known = catalogue.describe(row)
    return ItemOut(
        id=item_id,
        title=catalogue.title(row),
        description=known.get("description"),
        attributes={name: _plain(known[name]) for name in catalogue.attributes},
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
