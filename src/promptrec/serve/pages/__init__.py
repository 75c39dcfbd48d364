"""The service's own page: Try, Prompts, Data, Quality and Service; one file a view."""

from __future__ import annotations

from fastapi import FastAPI

from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages.data import data_pages
from promptrec.serve.pages.interface import add_interface
from promptrec.serve.pages.job_pages import job_pages
from promptrec.serve.pages.pictures import picture_pages
from promptrec.serve.pages.prompts import prompt_pages
from promptrec.serve.pages.quality import quality_pages
from promptrec.serve.pages.service import service_pages
from promptrec.serve.pages.trying import try_pages
from promptrec.serve.pages.uploads import upload_pages


def add_pages(app: FastAPI, engine: Engine) -> None:
    """Add every view to `app`."""
    for family in (
        try_pages,
        upload_pages,
        picture_pages,
        prompt_pages,
        job_pages,
        data_pages,
        quality_pages,
        service_pages,
    ):
        app.include_router(family(engine), include_in_schema=False)
    add_interface(app)
