"""The library that loads models of Hugging Face's kind: large, so that it is imported where a model is loaded."""

from __future__ import annotations

from typing import Any

from promptrec.errors import PromptrecError


def transformers(used_by: str, extra: str) -> Any:
    """The module. Raises PromptrecError that says what brings it, where it is missing."""
    try:
        import transformers
    except ImportError:
        raise PromptrecError(f"{used_by} needs transformers; pip install 'promptrec[{extra}]'") from None
    return transformers
