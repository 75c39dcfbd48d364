"""Files in, a clean dataset out, in one atomic step."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.prompt import Confirm

from promptrec.data import rules
from promptrec.data.blocks import TableFile
from promptrec.data.cleaning import Cleaning
from promptrec.data.cleaning_page import event_facts, write_page
from promptrec.data.columns import choose_columns, shown
from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.entities import merge, read_entities
from promptrec.data.events import Codes, read_events
from promptrec.data.files import link_files, take_files
from promptrec.data.mapping import DataMapping, FileKind, load_mapping
from promptrec.data.reading import open_files
from promptrec.errors import PromptrecError
from promptrec.progress import console, say
from promptrec.workspace import SCHEMA_VERSION, Workspace, new_folder, read_json, write_json

Columns = Mapping[str, Mapping[str, str]]
Files = Mapping[FileKind, list[TableFile]]
_NAMES = {name: name for name in EVENT_COLUMNS}


def import_dataset(
    workspace: Workspace,
    events: Path | None = None,
    items: Path | None = None,
    users: Path | None = None,
    columns: Columns | None = None,
    list_separator: str | None = None,
    assume_yes: bool = True,
    name: str | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    *,
    mapping: Path | DataMapping | None = None,
    item_files: Path | None = None,
    append: bool = False,
    manifest: Mapping[str, Any] | None = None,
) -> Dataset:
    """Read, clean and save a dataset, replacing the one in the workspace; on an error nothing changes.

    events, items, users: a file, or a folder of files of one kind; those named here go before those of the mapping.
    columns: {"events" | "items" | "users": {role: column of the file}}; roles not given are guessed from common names.
    list_separator: splits attributes that contain it into lists; without it `|` does, and a space in the `token_seq`
        columns of RecBole files.
    Without events the items alone are the dataset, where the workspace has no events.
    labels: {language: {attribute word: word in that language}}, kept in the manifest.
    mapping: all of this and the rules of cleaning, as a TOML file or read from one.
    item_files: the folder that the names of pictures are relative to; else the one that the items file lies in.
    append: keep the dataset that is there and add to it. Events that it has already (known by person, item, time, kind
        and value) and items that it has already are not added again; what it has is never changed.
    manifest: more to write into the manifest.
    """
    told = load_mapping(mapping) if isinstance(mapping, Path) else mapping or DataMapping()
    there = workspace.dataset / "events.parquet"
    has_events = there.exists() and bool(pl.scan_parquet(there).select(pl.len()).collect().item())
    files = _open({**told.files(), **_given(events, items, users)}, append, has_events)
    chosen = _choose(files, told, columns or {})
    if not assume_yes:
        _confirm()
    old = Dataset.load(workspace.dataset) if append else None
    if old is not None and told.events.normalise in ("person", "range"):
        raise PromptrecError(
            f"values normalised by {told.events.normalise!r} need all events at once; import all files without --append"
        )
    with _staging(workspace, old) as staging:
        cleaning = Cleaning(staging / "rejected.parquet")
        catalogue, people = _entities(files, chosen, told, list_separator, cleaning, old, item_files, staging)
        codes = Codes.of(catalogue["id"])
        kept = _events(files, chosen, told, catalogue, codes, cleaning, old)
        catalogue = _with_cold(catalogue, kept)
        if catalogue.is_empty():
            raise PromptrecError("the catalogue is empty: no event has an item; give an items file")
        facts = event_facts(kept, len(catalogue))
        cleaning.finish(workspace.dataset / "rejected.parquet" if append else None)
        cleaning.show()
        _write_events(kept, staging / "events.parquet")
        _write(catalogue.lazy(), staging / "items.parquet")
        if people is not None:
            _write(people.lazy(), staging / "users.parquet")
        about = _manifest(old, told, files, chosen, kept, cleaning, {"name": name, "labels": labels})
        write_json(staging / "manifest.json", {**about, **(manifest or {}), "schema_version": SCHEMA_VERSION})
        report = {**cleaning.report(), "facts": facts}
        write_json(staging / "cleaning.json", report)
        write_page(staging / "cleaning.html", about["name"], report)
    return Dataset.load(workspace.dataset)


def _given(events: Path | None, items: Path | None, users: Path | None) -> dict[FileKind, Path]:
    named: dict[FileKind, Path | None] = {"events": events, "items": items, "users": users}
    return {kind: Path(path) for kind, path in named.items() if path is not None}


def _open(paths: Mapping[FileKind, Path], append: bool, has_events: bool) -> dict[FileKind, list[TableFile]]:
    """has_events: whether the workspace has some, which items alone must not replace."""
    alone = "items" in paths and not has_events
    if "events" not in paths and not (append and paths) and not alone:
        raise PromptrecError("no events are named; give a mapping with `file` under [events], or --events FILE")
    return {kind: open_files(path) for kind, path in paths.items()}


def _choose(files: Files, told: DataMapping, columns: Columns) -> dict[FileKind, dict[str, str]]:
    """For each kind of file the column of each role; shown to the person who waits."""
    unknown = sorted(set(columns) - set(files))
    if unknown:
        raise PromptrecError(f"columns are mapped for {unknown[0]!r}; the files given are {', '.join(files)}")
    chosen: dict[FileKind, dict[str, str]] = {}
    for kind, tables in files.items():
        present = list(dict.fromkeys(column for table in tables for column in table.columns))
        for column in getattr(told, kind).leave_out if kind != "events" else ():
            if column not in present:
                raise PromptrecError(
                    f"{tables[0].path}: leave_out: there is no column {column!r}; the columns are {', '.join(present)}"
                )
            present.remove(column)
        given = {**told.columns(kind), **columns.get(kind, {})}
        chosen[kind] = choose_columns(kind, tables[0].path, present, given)
        say(shown(kind, chosen[kind]))
    return chosen


def _confirm() -> None:
    try:
        agreed = Confirm.ask("Is this mapping right?", console=console, default=True)
    except EOFError:
        agreed = False
    if not agreed:
        raise PromptrecError("the mapping was not accepted, nothing was imported; map columns or accept with --yes")


@contextmanager
def _staging(workspace: Workspace, old: Dataset | None) -> Iterator[Path]:
    """A folder that becomes the dataset in one step, with the vectors and files of the old one that it continues.

    A workspace that was made for it goes again on an error.
    """
    fresh = False
    try:
        fresh = not workspace.root.exists()
        with new_folder(workspace.dataset) as staging:
            yield staging
            if old is not None:
                if read_json(workspace.dataset / "manifest.json", "dataset manifest") != old.manifest:
                    raise PromptrecError(f"{workspace.dataset}: was changed by another import meanwhile; try again")
                for file in workspace.dataset.glob("*.safetensors"):
                    os.link(file, staging / file.name)
                link_files(workspace.dataset, staging)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None)
        hint = "is the disk full?" if full else "choose another workspace, or make room for it"
        raise PromptrecError(f"{workspace.dataset}: cannot be written ({error.strerror or error}); {hint}") from None
    finally:
        if fresh and workspace.root.is_dir() and not any(workspace.root.iterdir()):
            shutil.rmtree(workspace.root)


def _entities(
    files: Files,
    chosen: Mapping[FileKind, dict[str, str]],
    told: DataMapping,
    separator: str | None,
    cleaning: Cleaning,
    old: Dataset | None,
    item_files: Path | None,
    staging: Path,
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The items and the users, those of the old dataset first; files that items name are copied into `staging`."""
    found: dict[FileKind, pl.DataFrame | None] = {"items": None, "users": None}
    if old is not None:
        found = {"items": old.items, "users": old.users}
    for kind in found:
        if kind in files:
            known = found[kind]
            new = read_entities(kind, files[kind], chosen[kind], getattr(told, kind), separator, cleaning, known)
            if kind == "items":
                named = None if told.items.files is None else Path(told.items.files)
                new = take_files(new, item_files or named or files[kind][0].path.parent, staging, cleaning)
            found[kind] = new if known is None else merge(known, new)
    items = found["items"]
    return pl.DataFrame(schema={"id": pl.String}) if items is None else items, found["users"]


def _events(
    files: Files,
    chosen: Mapping[FileKind, dict[str, str]],
    told: DataMapping,
    catalogue: pl.DataFrame,
    codes: Codes,
    cleaning: Cleaning,
    old: Dataset | None,
) -> pl.DataFrame:
    """Clean events in their final order, ids as codes."""
    tables, roles = files.get("events", []), chosen.get("events", _NAMES)
    unknown = told.items.unknown or _usual_unknown(files, old)
    limit = len(catalogue) if unknown == "reject" else None
    found = read_events(tables, roles, codes, limit, told.events.normalise, cleaning)
    if old is not None:
        found = pl.concat([_coded(old.events, codes), found], how="diagonal")
    reject = _rejecting(cleaning, tables, roles)
    found = rules.without_duplicates(found, reject)
    found = rules.without_bots(found, told.cleaning.most_events_a_user, reject)
    found = rules.in_order(found)
    found = rules.without_repeated(found, told.events.repeated, reject)
    found = rules.core(found, told.cleaning, reject)
    if found.is_empty() and (tables or old is not None):
        read = cleaning.totals().get("events", {"read": 0})["read"]
        raise PromptrecError(
            f"{tables[0].path if tables else 'events'}: no valid event is left of {read:,} records "
            f"({cleaning.first_reason('events')})"
        )
    if tables:
        cleaning.keep("events", int((found["file"] != rules.OLD).sum()))
    return rules.weighted(rules.normalised(found, told.events.normalise), told.events.weights)


def _usual_unknown(files: Files, old: Dataset | None) -> str:
    if "items" in files:
        return "reject"
    return str(old.manifest.get("unknown_items", "cold")) if old is not None else "cold"


def _coded(events: pl.DataFrame, codes: Codes) -> pl.DataFrame:
    """The events of a dataset with ids as codes, marked as old."""
    ids = {"user": codes.users, "item": codes.items, "kind": codes.kinds}
    return events.with_columns(
        *(pl.col(name).cast(kind) for name, kind in ids.items()),
        file=pl.lit(rules.OLD, pl.UInt16),
        record=pl.lit(0, pl.UInt32),
        hash1=pl.lit(None, pl.UInt64),
        hash2=pl.lit(None, pl.UInt64),
    )


def _rejecting(cleaning: Cleaning, tables: Sequence[TableFile], roles: Mapping[str, str]) -> rules.Reject:
    def reject(found: pl.DataFrame, role: str | None, reason: str) -> None:
        old = found["file"] == rules.OLD
        if old.any():
            rows = found.filter(old).drop("file", "record", "first", strict=False)
            rows = rows.with_columns(pl.col("user", "item", "kind").cast(pl.String))
            cleaning.reject_old(rows, role or "user", rows[role or "user"], reason)
        new = found.filter(~old)
        values = None if role is None else new[role].cast(pl.String)
        column = None if role is None else roles.get(role, role)
        cleaning.reject_later("events", tables, new.select("file", "record"), values, column, reason)

    return reject


def _with_cold(catalogue: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """The catalogue and, as records with an id only, the items that only events name."""
    cold = (
        kept.lazy().select(id="item").filter(pl.col("id").to_physical() >= len(catalogue)).unique(maintain_order=True)
    )
    ids = cold.collect().select(pl.col("id").cast(pl.String))
    return pl.concat([catalogue, ids], how="diagonal") if len(ids) else catalogue


def _write_events(kept: pl.DataFrame, file: Path) -> None:
    """The columns of `EVENT_COLUMNS`, ids as text again, without holding all of them."""
    given = kept.lazy().select(
        pl.col(name).cast(kind) if name in kept.columns else pl.lit(None, kind).alias(name)
        for name, kind in EVENT_COLUMNS.items()
    )
    _write(given, file)


def _write(frame: pl.LazyFrame, file: Path) -> None:
    try:
        frame.sink_parquet(file, compression="lz4")
    except pl.exceptions.PolarsError as error:
        raise PromptrecError(
            f"{file.name} cannot be written ({str(error).splitlines()[0]}); is the disk full?"
        ) from None


def _manifest(
    old: Dataset | None,
    told: DataMapping,
    files: Files,
    chosen: Mapping[FileKind, dict[str, str]],
    kept: pl.DataFrame,
    cleaning: Cleaning,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    before = {} if old is None else dict(old.manifest)
    labels = {**before.get("labels", {})}
    for language, words in {**told.labels, **(given["labels"] or {})}.items():
        labels[language] = {**labels.get(language, {}), **words}
    step = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {kind: [table.path.name for table in tables] for kind, tables in files.items()},
        "records": cleaning.totals(),
    }
    return {
        **before,
        "name": given["name"] or told.name or before.get("name", "imported"),
        "value_name": before.get("value_name") or chosen.get("events", {}).get("value", "value"),
        "has_times": kept["time"].null_count() < len(kept),
        "labels": labels,
        "unknown_items": before.get("unknown_items") or told.items.unknown or _usual_unknown(files, old),
        "cleaning": cleaning.totals(),
        "imports": [*before.get("imports", []), step],
    }
