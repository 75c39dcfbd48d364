"""Live events of a service become part of the dataset, so that the next training learns from them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pyarrow.parquet as pq

from promptrec.data.importing import import_dataset
from promptrec.data.mapping import DataMapping, ItemsMapping
from promptrec.errors import PromptrecError
from promptrec.serve.store import EventStore, StoreUnavailableError, open_store
from promptrec.workspace import Workspace, read_json

_SCHEMA = {
    "user": pl.String,
    "item": pl.String,
    "kind": pl.String,
    "value": pl.Float64,
    "time": pl.Float64,
    "cursor": pl.Int64,
}


def pull(workspace: Workspace, url: str | None = None) -> int:
    """Append the events that the service's store got since the last pull to the dataset; return how many were added.

    url: the store, as for `promptrec serve`; None for `state.db` in the workspace. The manifest keeps, for each store,
    the cursor of the last event that was pulled (`pulled`). It is written in the same step as the events, so that a
    pull that is cut off or repeated adds nothing twice. Items that the dataset does not have become items with an id
    only. Raises PromptrecError where there is no dataset or no store, or the store does not answer.
    """
    manifest = read_json(workspace.dataset / "manifest.json", "dataset (`promptrec data import` makes one)")
    if url is None and not workspace.state.exists():
        raise PromptrecError(f"{workspace.state}: there are no live events here; `promptrec serve` records them")
    cursors, source = dict(manifest.get("pulled", {})), _name(url)
    store = open_store(url or f"sqlite:///{workspace.state.absolute()}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "live-events.parquet"
            last = _write(store, int(cursors.get(source, 0)), file)
            if last is None:
                return 0
            import_dataset(
                workspace,
                file,
                columns={"events": {name: name for name in _SCHEMA if name != "cursor"}},
                mapping=DataMapping(items=ItemsMapping(unknown="cold")),
                append=True,
                manifest={"pulled": {**cursors, source: last}},
            )
    except StoreUnavailableError as error:
        raise PromptrecError(f"{source}: the event store does not answer ({error}); try again") from None
    finally:
        store.close()
    done = read_json(workspace.dataset / "cleaning.json", "cleaning report")
    return int(done["files"]["events"]["kept"])


def _name(url: str | None) -> str:
    """What the manifest calls a store: its URL without user and password."""
    if url is None:
        return "state.db"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _write(store: EventStore, cursor: int, file: Path) -> int | None:
    """Write the events after `cursor`, a batch at a time; the cursor of the last one, None where there is none."""
    writer: pq.ParquetWriter | None = None
    while batch := store.since(cursor):
        rows = [(e.user_id, e.item_id, e.kind, e.value, e.time, at) for at, e in batch]
        table = pl.DataFrame(rows, schema=_SCHEMA, orient="row").to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
        cursor = batch[-1][0]
    if writer is None:
        return None
    writer.close()
    return cursor
