"""Pictures that people drop on the Try view, kept in the workspace so that an address with one can be sent on."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import QueryParams, UploadFile
from starlette.exceptions import HTTPException

from promptrec.content.pictures import picture_of
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages.asked import Asked
from promptrec.serve.pages.rendering import go
from promptrec.serve.pages.routing import page_router
from promptrec.workspace import Workspace

JPEG = b"\xff\xd8\xff"
MOST_BYTES = 600_000
LONGER_SIDE, QUALITY = 512, 88  # of the JPEG, as page.js makes it
KEPT = 500  # pictures, the latest
_NAME = re.compile(r"[0-9a-f]{32}")


class Uploads:
    """JPEG files in `pictures/`, named by their content; every worker sees them."""

    def __init__(self, workspace: Workspace) -> None:
        self._folder = workspace.root / "pictures"

    def add(self, picture: bytes) -> str:
        """Keep a picture and return its name; the oldest go beyond 500. Raises PromptrecError for what is no JPEG."""
        if not picture.startswith(JPEG) or len(picture) > MOST_BYTES:
            raise PromptrecError(
                f"picture: expected a JPEG of at most {MOST_BYTES:,} bytes, found {len(picture):,} bytes"
            )
        name = hashlib.sha256(picture).hexdigest()[:32]
        self._folder.mkdir(exist_ok=True)
        self._file(name).write_bytes(picture)
        for old in sorted(self._folder.glob("*.jpg"), key=lambda file: -file.stat().st_mtime)[KEPT:]:
            old.unlink(missing_ok=True)
        return name

    def find(self, name: str) -> Path | None:
        """The file of a picture, None where it is not kept any more."""
        return self._file(name) if _NAME.fullmatch(name) and self._file(name).is_file() else None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.jpg"


def small_jpeg(file: bytes) -> bytes:
    """The picture as page.js sends it. Raises PromptrecError for what is no picture."""
    picture = picture_of(file)
    if picture is None:
        raise PromptrecError(f"picture: expected a picture's file, found {len(file):,} bytes that are none")
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def upload_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    uploads = Uploads(engine.workspace)

    def keep(picture: bytes) -> str:
        engine.current.recommender.like("image", picture)
        return uploads.add(picture)

    @routes.post("/pictures")
    async def add(http: Request) -> Response:
        if http.headers.get("content-type", "").startswith("multipart/form-data"):
            return await of_form(http)
        return JSONResponse({"name": await asyncio.to_thread(keep, await http.body())})

    async def of_form(http: Request) -> Response:
        """From a browser without scripts: the whole form of the Try view, and on to its address with the picture."""
        asked = Asked()
        try:
            async with http.form(max_files=1) as form:
                pairs = form.multi_items()
                asked = Asked.of(QueryParams([(name, value) for name, value in pairs if isinstance(value, str)]))
                sent = [await value.read() for _, value in pairs if isinstance(value, UploadFile)]
            name = await asyncio.to_thread(lambda: keep(small_jpeg(b"".join(sent))))
        except (PromptrecError, HTTPException):
            return go(f"/?{asked.query()}&unread=1")
        return go(f"/?{replace(asked, picture=name).query()}")

    @routes.get("/pictures/{name}")
    def show(name: str) -> FileResponse:
        file = uploads.find(name)
        if file is None:
            raise NotFoundError(f"picture {name[:40]!r} is not kept here")
        return FileResponse(file, media_type="image/jpeg")

    return routes
