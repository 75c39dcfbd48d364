"""Mapping files to start from, one a scenario."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from promptrec.errors import NotFoundError, PromptrecError

SCENARIOS = ("shop", "courses", "answers", "social", "movies")


def write_template(scenario: str, folder: Path = Path()) -> Path:
    """Write the commented mapping of a scenario as SCENARIO.toml into `folder`; return the file.

    Raises NotFoundError for a scenario that there is not, PromptrecError where the file is there already.
    """
    if scenario not in SCENARIOS:
        raise NotFoundError(f"there is no scenario {scenario!r} to start from; there are {', '.join(SCENARIOS)}")
    file = folder / f"{scenario}.toml"
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write((files(__name__) / file.name).read_text(encoding="utf-8"))
    except FileExistsError:
        raise PromptrecError(f"{file}: is there already; rename it, or work in another folder") from None
    except OSError as error:
        raise PromptrecError(f"{file}: cannot be written ({error.strerror})") from None
    return file
