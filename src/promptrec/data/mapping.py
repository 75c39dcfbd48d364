"""The mapping: which files there are, what their columns mean and how they are cleaned; a TOML file or flags."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptrec.errors import PromptrecError

FileKind = Literal["events", "items", "users"]
Normalise = Literal["none", "log", "person", "range"]
Repeated = Literal["all", "first", "last"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EventsMapping(_Section):
    """Who did what. A role (user, item, ...) names a column of the file; one that is not given is guessed."""

    file: str | None = None
    user: str | None = None
    item: str | None = None
    time: str | None = None
    position: str | None = None
    kind: str | None = None
    value: str | None = None
    weight: str | None = None
    query: str | None = None
    normalise: Normalise = "none"
    repeated: Repeated = "all"
    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}


class EntityMapping(_Section):
    """Users (and items): the id, and how the attributes are taken."""

    file: str | None = None
    id: str | None = None
    separators: dict[str, str] = {}
    leave_out: list[str] = []
    missing: dict[str, str] = {}


class ItemsMapping(EntityMapping):
    """What there is: also what is read as text, which columns name files (relative to the folder `files`, else to the
    items file), and what becomes of events on items that have no record."""

    title: str | None = None
    description: str | None = None
    image: str | None = None
    files: str | None = None
    unknown: Literal["cold", "reject"] | None = None


class CleaningMapping(_Section):
    """People and items with too few events, people with too many. The defaults leave everything."""

    fewest_events_a_user: int = Field(1, ge=1)
    fewest_events_an_item: int = Field(1, ge=1)
    most_events_a_user: int | None = Field(None, ge=1)


class DataMapping(_Section):
    """All that an import is told. `source` says where the files come from, to somebody who does not have them."""

    name: str | None = None
    source: str | None = None
    events: EventsMapping = EventsMapping()
    items: ItemsMapping = ItemsMapping()
    users: EntityMapping = EntityMapping()
    cleaning: CleaningMapping = Field(default_factory=lambda: CleaningMapping.model_validate({}))
    labels: dict[str, dict[str, str]] = {}

    def files(self) -> dict[FileKind, Path]:
        """The files that are named, events first."""
        named = {"events": self.events.file, "items": self.items.file, "users": self.users.file}
        return {kind: Path(file) for kind, file in named.items() if file}  # type: ignore[misc]

    def columns(self, kind: FileKind) -> dict[str, str]:
        """The roles that are given a column, in the order of their declaration."""
        section: BaseModel = getattr(self, kind)
        roles = EVENT_ROLES if kind == "events" else ENTITY_ROLES[kind]
        given = {role: getattr(section, role) for role in roles}
        return {role: column for role, column in given.items() if column is not None}


EVENT_ROLES = ("user", "item", "time", "position", "kind", "value", "weight", "query")
ENTITY_ROLES: Mapping[str, tuple[str, ...]] = {"items": ("id", "title", "description", "image"), "users": ("id",)}


def load_mapping(path: Path) -> DataMapping:
    """Read a mapping file. Its paths may be relative to it and may name environment variables as ${NAME}.

    Raises PromptrecError for a file that is absent or no TOML, for keys that are unknown and values of the wrong kind.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise PromptrecError(f"{path}: there is no such mapping file; `promptrec init shop` writes one") from None
    except UnicodeDecodeError:
        raise PromptrecError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise PromptrecError(f"{path}: cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        hint = "" if path.suffix == ".toml" else "; a file of events goes after --events"
        raise PromptrecError(f"{path}: is not valid TOML ({error}){hint}") from None
    source = f"; {document['source']}" if isinstance(document.get("source"), str) else ""
    for kind in ("events", "items", "users"):
        section = document.get(kind)
        if isinstance(section, dict) and isinstance(section.get("file"), str):
            file = path.parent / _expanded(path, f"{kind}.file", section["file"], source)
            if source and not file.exists():
                raise PromptrecError(f"{file}: there is no such file{source}")
            section["file"] = str(file)
        if isinstance(section, dict) and isinstance(section.get("files"), str):
            section["files"] = str(path.parent / _expanded(path, f"{kind}.files", section["files"], source))
    return checked(document, str(path))


def checked(document: Mapping[str, Any], where: str) -> DataMapping:
    """The mapping of a document; `where` begins the error's line."""
    try:
        return DataMapping.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            owner = _section(first["loc"][:-1])
            raise PromptrecError(
                f"{where}: {place}: there is no such key; the keys here are {', '.join(owner.model_fields)}"
            ) from None
        message = first["msg"].removeprefix("Input ").replace("valid ", "").replace("a integer", "an integer")
        raise PromptrecError(f"{where}: {place}: {message}; found {first['input']!r}") from None


def _section(place: tuple[int | str, ...]) -> type[BaseModel]:
    found: Any = DataMapping
    for name in place:
        found = found.model_fields[str(name)].annotation
    section: type[BaseModel] = found
    return section


def _expanded(path: Path, key: str, text: str, source: str) -> Path:
    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if not os.environ.get(name):
            raise PromptrecError(
                f"{path}: {key}: the environment variable {name} is not set; "
                f"set it to the folder that has the files{source}"
            )
        return os.environ[name]

    return Path(re.sub(r"\$\{(\w+)\}", value, text)).expanduser()
