"""What every general model is to the rest of promptrec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from promptrec.backbone.content_space import ContentSpace
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.data.history import History
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt, PromptShape
from promptrec.prompt.query import Query

Scores = npt.NDArray[np.float32]


class Scorer(Protocol):
    """Anything that can rank: evaluation treats all models alike."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) scores of the items at `rows` (all items where None); higher is better."""
        ...


@dataclass(frozen=True)
class Pace:
    """How much tuning may ask of a backbone: steps of `batch` examples, a look at validation every `check_every` of
    them on up to `chooses` examples; `scored` examples at most score a prompt, and `read` histories tell what it says.
    moving: the learning rate of a shift and a gate; rate: of all else. patience: steps without a better one after which
    tuning stops. averaged: the share of what was in the running mean of the steps, which is looked at instead of them
    where it is not 0.
    """

    steps: int = 300
    batch: int = 128
    check_every: int = 20
    chooses: int = 500
    scored: int = 2_000
    read: int = 100
    moving: float = 3e-3
    rate: float = 1e-2
    patience: int = 100
    averaged: float = 0.0


class Backbone(ABC):
    """A frozen general model: score(u, i | p) = Q(history_u, p) . K(item_i)."""

    name: str
    fingerprint: str
    prompt_shape: PromptShape
    catalogue: Catalogue
    space: ContentSpace
    pace: Pace = Pace()
    placed: bool = True  # whether the last numbers of a key are the item's place in `space`

    @abstractmethod
    def over(self, catalogue: Catalogue, vectors: Vectors, others: Others | None = None) -> Backbone:
        """The same frozen model over another catalogue; items that are new in it are known by their content: vectors of
        their texts, and of other modalities where the model was trained with some."""

    @abstractmethod
    def encode_items(self, rows: Rows | None = None) -> torch.Tensor:
        """K (n, d): one vector for each item at `rows` (all items where None)."""

    @abstractmethod
    def encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, torch.Tensor]]) -> torch.Tensor:
        """(b, d) vectors of length one; row i is steered by tensors[i], which may be empty. Differentiable in them."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """What the products of queries and items are multiplied with to become the logits of a loss."""

    @abstractmethod
    def queries(self, histories: Sequence[History], stacked: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(b, d) queries before they are brought to length one, what tuning's loss uses; stacked: (b, ...) tensors."""

    def moved(self, plain: torch.Tensor, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(b, d) what `queries` gives with a prompt of no more than a gate and a shift, from what it gives without."""
        if "gate" in tensors:
            gate = tensors["gate"].to(plain.device)
            plain = plain * (1 + F.pad(gate, (0, plain.shape[-1] - gate.shape[-1])))
        return plain + tensors["shift"].to(plain.device) if "shift" in tensors else plain

    @abstractmethod
    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write weights and config.json into an existing folder; `kinds.load_backbone` reads them."""

    def input_tensors(self, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        """A prompt's tensors that input vectors (t, width) before a history amount to. Differentiable.

        Raises PromptrecError where the backbone reads no sequence.
        """
        raise PromptrecError(f"the {self.name} backbone takes no {len(vectors)} input vectors; use --method shift")

    def input_vectors(self, rows: Rows) -> torch.Tensor:
        """(n, width) what stands for items at the input, for a backbone that takes a prefix."""
        raise PromptrecError(f"the {self.name} backbone reads no sequence of {len(rows)} items; use --method shift")

    def leaves(self, query: Query) -> list[tuple[Prompt | None, float]]:
        """The prompts that steer a query, each of which gives a vector of its own, with weights that add up to one."""
        return query.leaves()

    def encode_queries(self, queries: Sequence[Query]) -> torch.Tensor:
        """Q (b, d): each row follows its own prompt; a mix is the normalised weighted sum of its parts' vectors."""
        leaves = [self.leaves(query) for query in queries]
        for prompt, _ in (leaf for query in leaves for leaf in query):
            if prompt is not None:
                self.check(prompt)
        encoded = self.encode(
            [query.history for query, own in zip(queries, leaves, strict=True) for _ in own],
            [prompt.tensors if prompt else {} for own in leaves for prompt, _ in own],
        )
        if len(encoded) == len(queries):
            return encoded
        counts = torch.tensor([len(query) for query in leaves])
        weights = torch.tensor([weight for own in leaves for _, weight in own], device=encoded.device)
        owner = torch.repeat_interleave(torch.arange(len(queries)), counts).to(encoded.device)
        mixed = torch.zeros(len(queries), encoded.shape[1], device=encoded.device)
        return F.normalize(mixed.index_add(0, owner, encoded * weights[:, None]), dim=-1)

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        with torch.inference_mode():
            return (self.encode_queries(queries) @ self.encode_items(rows).T).float().cpu().numpy()

    def check(self, prompt: Prompt) -> None:
        """Raise PromptrecError unless `prompt` was made for this backbone."""
        if prompt.kind == "reranker":
            raise PromptrecError(f"prompt {prompt.name!r} is a reranker; name it by `rerank` or --rerank instead")
        if prompt.backbone != self.fingerprint:
            raise PromptrecError(
                f"prompt {prompt.name!r} was made for backbone {prompt.backbone[:12]}, this one is "
                f"{self.fingerprint[:12]}; tune it again on this backbone"
            )
