"""What the service takes and gives, declared: the same models for the server, OpenAPI and the Python client."""

from promptrec.serve.schemas.base import MOST_HISTORY, MOST_K, MOST_REQUEST, MOST_ROWS, Problem
from promptrec.serve.schemas.events import EventIn, EventsIn, EventsOut
from promptrec.serve.schemas.items import FoundItem, FoundOut, ItemIn, ItemOut, SimilarOut
from promptrec.serve.schemas.operations import HealthOut, ReadyOut
from promptrec.serve.schemas.prompts import ActivateIn, PromptIn, PromptOut, PromptsOut
from promptrec.serve.schemas.recommend import (
    BatchIn,
    BatchOut,
    Filter,
    PromptShare,
    RecommendedItem,
    RecommendIn,
    RecommendOut,
)
from promptrec.serve.schemas.users import ErasedOut, UserEvent, UserOut

__all__ = [
    "MOST_HISTORY",
    "MOST_K",
    "MOST_REQUEST",
    "MOST_ROWS",
    "ActivateIn",
    "BatchIn",
    "BatchOut",
    "ErasedOut",
    "EventIn",
    "EventsIn",
    "EventsOut",
    "Filter",
    "FoundItem",
    "FoundOut",
    "HealthOut",
    "ItemIn",
    "ItemOut",
    "Problem",
    "PromptIn",
    "PromptOut",
    "PromptShare",
    "PromptsOut",
    "ReadyOut",
    "RecommendIn",
    "RecommendOut",
    "RecommendedItem",
    "SimilarOut",
    "UserEvent",
    "UserOut",
]
