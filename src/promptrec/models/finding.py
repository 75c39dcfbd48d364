"""Where a model that is named lies on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from promptrec.errors import NotFoundError
from promptrec.models.packaged import models_folder
from promptrec.models.registry import PACKAGED


def find(name: str, download: bool = False) -> Path:
    """The folder of a model: a folder's path, a packaged model that was fetched, or one in Hugging Face's cache.

    download: a name that is none of them is asked for at huggingface.co, where there is a network. Raises NotFoundError
    that says where it looked.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(name).expanduser()
    if (folder / "config.json").exists():
        return folder
    if name in PACKAGED and PACKAGED[name].fetched:
        return PACKAGED[name].folder
    offline = not download or bool(os.environ.get("HF_HUB_OFFLINE"))
    wanted = ["*.json", "*.safetensors", "*.txt", "*.model"]
    try:
        return Path(snapshot_download(name, local_files_only=offline, allow_patterns=wanted, etag_timeout=5))
    except Exception as error:  # the hub's client raises errors of several libraries: names, network, access
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        asked = "huggingface.co was not asked" if offline else f"huggingface.co ({reason})"
        hint = f"; run `promptrec models fetch {name}`" if name in PACKAGED else ""
        raise NotFoundError(
            f"model {name!r} is not found: there is no such folder with a config.json ({folder}), none of the packaged "
            f"models ({', '.join(PACKAGED)}) in {models_folder()}, none in {HF_HUB_CACHE}, {asked}{hint}"
        ) from None
