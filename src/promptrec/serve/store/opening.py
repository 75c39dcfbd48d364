"""Which store a URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from promptrec.errors import PromptrecError
from promptrec.serve.store.contract import Durability, EventStore
from promptrec.serve.store.sqlite import SqliteStore


def store_name(url: str | None) -> str:
    """What a dataset's manifest calls a store whose events were pulled: its URL without user and password."""
    if url is None:
        return "state.db"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_store(url: str, durability: Durability = "full") -> EventStore:
    """The store at `sqlite:///FILE` (four slashes for an absolute path) or `postgresql://USER:PASSWORD@HOST/DATABASE`.

    Raises PromptrecError for another URL, a broken store, or a server that does not answer.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest[1:]:
        return SqliteStore(Path(rest[1:]), durability)
    if scheme in ("postgresql", "postgres"):
        try:
            from promptrec.serve.store.postgres import PostgresStore
        except ImportError:
            raise PromptrecError("--store: PostgreSQL needs psycopg; run `pip install 'promptrec[postgres]'`") from None
        return PostgresStore(url, durability)
    # A URL may carry a password, so only its scheme is shown.
    raise PromptrecError(f"--store: expected sqlite:///FILE or postgresql://…, found a URL that begins with {scheme!r}")
