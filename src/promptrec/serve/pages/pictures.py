"""Pictures of items: files inside the dataset, which imports put there."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from promptrec.data.catalogue import Catalogue
from promptrec.errors import NotFoundError
from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages.routing import page_router

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"}


def picture_of(catalogue: Catalogue, row: int, dataset: Path) -> Path | None:
    """The file that an item names, None where it names none, none is there, it is no picture, or it lies elsewhere."""
    name = catalogue.describe(row).get("image")
    if not isinstance(name, str) or Path(name).suffix.lower() not in ENDINGS or "\x00" in name:
        return None
    file = (dataset / name).resolve()
    inside = file.is_relative_to(dataset.resolve())
    return file if inside and file.is_file() else None


def picture_pages(engine: Engine) -> APIRouter:
    routes = page_router()

    @routes.get("/page/picture/{item_id:path}")
    def picture(item_id: str) -> FileResponse:
        catalogue = engine.current.recommender.catalogue
        file = picture_of(catalogue, catalogue.row(item_id), engine.workspace.dataset)
        if file is None:
            raise NotFoundError(f"item {item_id!r} has no picture")
        return FileResponse(file)

    return routes
