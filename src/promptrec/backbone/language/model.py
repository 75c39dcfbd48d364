"""A frozen Hugging Face model that turns words, and vectors before them, into one vector."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from promptrec.backbone.sequence import device
from promptrec.errors import PromptrecError
from promptrec.models.library import transformers

TOKENS_AT_ONCE = 4_096

Ids = list[int]


class LanguageModel:
    """The model, its tokenizer, and how its folder says that texts are read.

    A folder of sentence-transformers says how token vectors are pooled (`1_Pooling`), how long texts may be
    (`sentence_bert_config.json`) and what stands before queries and passages (`config_sentence_transformers.json`); for
    any other the mean is taken, of up to 512 tokens, with nothing before them.
    """

    def __init__(self, folder: Path) -> None:
        """Raises PromptrecError where transformers is missing or cannot load the folder."""
        self.tokenizer, self.network = frozen(folder, "AutoModel")
        self.folder = folder
        self.words: Any = self.network.get_input_embeddings()
        self.width = int(self.words.weight.shape[1])
        self.hash = weights_hash(folder)
        prompts = _document(folder / "config_sentence_transformers.json").get("prompts") or {}
        self.query_prefix = self.ids(str(prompts.get("query", "")))
        self.passage_prefix = self.ids(str(prompts.get("passage", prompts.get("document", ""))))
        self.first_token = bool(_document(folder / "1_Pooling" / "config.json").get("pooling_mode_cls_token"))
        most = _document(folder / "sentence_bert_config.json").get("max_seq_length") or 512
        self.longest = min(int(most), int(getattr(self.network.config, "max_position_embeddings", 512)))
        self.before, self.after = self._frame()

    def ids(self, text: str, most: int | None = None) -> Ids:
        """The first `most` tokens of a text, without what the tokenizer puts before and after it."""
        found: Ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return found[:most]

    def text(self, ids: Sequence[int]) -> str:
        """The words of tokens, without those that the model does not know."""
        found: str = self.tokenizer.decode(list(ids), skip_special_tokens=True) if ids else ""
        return found

    def _frame(self) -> tuple[Ids, Ids]:
        """What the tokenizer puts before and after a text, such as [CLS] and [SEP]."""
        inner, whole = self.ids("a"), self.tokenizer("a")["input_ids"]
        start = next((i for i in range(len(whole)) if whole[i : i + len(inner)] == inner), 0)
        return whole[:start], whole[start + len(inner) :]

    def vectors_of(self, ids: Sequence[int]) -> Tensor:
        """(t, width) the input vectors of tokens."""
        found: Tensor = self.words(torch.tensor(list(ids), dtype=torch.long, device=self.words.weight.device))
        return found.detach()

    def read(self, texts: Sequence[Ids], prompts: Tensor | None = None) -> Tensor:
        """(n, width) one vector of length one for each text, given as tokens; zeros for an empty one without a prompt.

        prompts: (n, t, width) input vectors that stand before each text's, differentiable. They are pooled with the
        text: vectors that are those of words do what the words do. Texts of about one length are read together.
        """
        taken = 0 if prompts is None else prompts.shape[1]
        room = self.longest - len(self.before) - len(self.after) - taken
        read = [(i, ids[:room]) for i, ids in enumerate(texts) if ids or taken]
        if not read:
            return torch.zeros(len(texts), self.width, device=self.words.weight.device)
        read.sort(key=lambda pair: len(pair[1]))
        parts = [self._read(batch, prompts) for batch in _batches(read, taken)]
        found = torch.zeros(len(texts), self.width, device=self.words.weight.device)
        order = torch.tensor([i for i, _ in read], device=found.device)
        return found.index_copy(0, order, torch.cat(parts))

    def _read(self, batch: list[tuple[int, Ids]], prompts: Tensor | None) -> Tensor:
        where = self.words.weight.device
        longest = len(batch[-1][1]) + len(self.after)
        padding = self.tokenizer.pad_token_id or 0
        rows = [ids + self.after for _, ids in batch]
        ids = torch.tensor([row + [padding] * (longest - len(row)) for row in rows], dtype=torch.long, device=where)
        there = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=where)
        before = self.vectors_of(self.before).expand(len(batch), len(self.before), self.width)
        parts = [before, self.words(ids)]
        if prompts is not None:
            parts.insert(1, prompts[[i for i, _ in batch]])
        inputs = torch.cat(parts, dim=1)
        mask = F.pad(there, (inputs.shape[1] - longest, 0), value=1)
        hidden: Tensor = self.network(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        if self.first_token:
            return F.normalize(hidden[:, 0], dim=-1)
        weights = mask.unsqueeze(-1).float()
        return F.normalize((hidden * weights).sum(dim=1) / weights.sum(dim=1), dim=-1)


def frozen(folder: Path, kind: str) -> tuple[Any, Any]:
    """The tokenizer and the model of a folder, by the class of transformers named `kind`; its weights take no gradient.

    Raises PromptrecError where transformers is missing or cannot load the folder.
    """
    library = transformers("a language model", "language")
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network = getattr(library, kind).from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PromptrecError(f"{folder}: transformers cannot load this model ({reason})") from None
    return tokenizer, network.to(device()).eval().requires_grad_(False)


def _batches(read: list[tuple[int, Ids]], taken: int) -> Iterator[list[tuple[int, Ids]]]:
    """Consecutive texts, sorted by length, of which a batch has up to 4,096 tokens with its padding."""
    batch: list[tuple[int, Ids]] = []
    for one in read:
        if batch and (len(batch) + 1) * (len(one[1]) + taken) > TOKENS_AT_ONCE:
            yield batch
            batch = []
        batch.append(one)
    yield batch


def weights_hash(folder: Path) -> str:
    """SHA-256 over the files that hold the weights and the words."""
    digest = hashlib.sha256()
    files = [*sorted(folder.glob("*.safetensors")), *(folder / name for name in ("config.json", "tokenizer.json"))]
    for path in files:
        if path.exists():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise PromptrecError(f"{path}: cannot be read ({error}); fetch the model again") from None
    return found if isinstance(found, dict) else {}
