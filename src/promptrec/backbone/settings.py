"""What `train --search` tries; without it every backbone has settings of its own, which won on validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from promptrec.backbone.checkpoint import Checkpoint
from promptrec.backbone.interface import Backbone
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue
from promptrec.data.split import Split


@dataclass(frozen=True)
class Settings:
    """learning_rate: of AdamW; negatives: how many are drawn for a batch where the softmax is sampled; batch: how many
    histories it has; epochs: the most there are; sorted_together: how many batches' histories are sorted by length
    before they are divided, which pads less and mixes less; factors: whether item vectors start at factors of the
    interactions instead of at random; cut: the share of histories that are read a second time in an epoch, cut short at
    a random place (`sequence` alone); words: whether each attribute word has a vector of its own; members: how many
    networks are trained, whose mean is the model (`sequence` alone); network: what differs from the sizes that the
    backbone's network has by default, such as its width and dropout."""

    learning_rate: float
    negatives: int
    batch: int = 32
    epochs: int = 30
    sorted_together: int = 1
    factors: bool = False
    cut: float = 0.0
    words: bool = False
    members: int = 1
    network: Mapping[str, float] = field(default_factory=dict)


class Train(Protocol):
    """How a backbone is trained; see `train_sequence`."""

    def __call__(
        self,
        split: Split,
        catalogue: Catalogue,
        vectors: Vectors,
        seed: int,
        settings: Settings | None = None,
        checkpoint: Checkpoint | None = None,
        others: Others | None = None,
    ) -> tuple[Backbone, dict[str, Any]]: ...
