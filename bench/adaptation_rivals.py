"""What could replace a prompt: fine-tuning of all or of a part of the model, training anew, counting."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from adaptation_world import Asked, Floats, backbone, padded, recommender
from promptrec.backbone.interface import Pace
from promptrec.backbone.network import ItemContent, SequenceNetwork
from promptrec.backbone.sequence import item_content
from promptrec.data.history import History
from promptrec.data.split import Examples
from promptrec.seeding import generator
from promptrec.tune.gradient import HISTORY, running_mean
from promptrec.tune.objective import training_counts
from promptrec.tune.profile import PACE as PROFILE_PACE

LORA_RANK = 4
State = tuple[dict[str, torch.Tensor], torch.Tensor | None]
# Usual rates for each; they were not searched.
RATES = {"full": 3e-4, "lora": 1e-3, "last layer": 3e-4, "scratch": 1e-3, "joint": 3e-4}
AS_A_PROFILE = replace(PROFILE_PACE, rate=RATES["full"], check_every=Pace().check_every)


class LowRank(nn.Module):
    """W + B A (Hu et al., ICLR 2022)."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(LORA_RANK, weight.shape[1]) / LORA_RANK)
        self.b = nn.Parameter(torch.zeros(weight.shape[0], LORA_RANK))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.b @ self.a


@dataclass
class Rival:
    """A network that may learn, what it reads of the items, and a prefix where it is trained together with a prompt."""

    network: SequenceNetwork
    content: ItemContent
    prefix: torch.Tensor | None = None

    def queries(self, items: torch.Tensor, histories: Sequence[History]) -> torch.Tensor:
        rows, times = padded(histories, self.network.config.length)
        found: torch.Tensor = self.network(items, rows, times, self.prefixes(len(rows)), last_only=True)[:, 0]
        return found

    def scores(self, histories: Sequence[History]) -> torch.Tensor:
        """(n, items)"""
        with torch.no_grad():
            items = self.items()
            parts = [
                self.queries(items, histories[start : start + 256]) @ F.normalize(items, dim=-1).T
                for start in range(0, len(histories), 256)
            ]
            return torch.cat(parts)

    def prefixes(self, count: int) -> torch.Tensor | None:
        return None if self.prefix is None else self.prefix.expand(count, *self.prefix.shape)

    def items(self) -> torch.Tensor:
        return self.network.item_vectors(self.content)

    def parameters(self) -> list[torch.Tensor]:
        own = [p for p in self.network.parameters() if p.requires_grad]
        return own if self.prefix is None else [*own, self.prefix]


def rival(method: str, seed: int) -> Rival:
    own = backbone()
    content = item_content(own.space, own.words, own.catalogue, recommender().vectors, None)
    torch.manual_seed(seed)
    if method == "scratch":
        return Rival(SequenceNetwork(own.network.config), content)
    network = copy.deepcopy(own.network).requires_grad_(method in ("full", "joint"))
    prefix = None
    if method == "last layer":
        network.layers[-1].requires_grad_(True)
        network.norm.requires_grad_(True)
    elif method == "lora":
        for layer in network.layers:
            for module in (layer.query_key_value, layer.attention_out, layer.feed[0], layer.feed[3]):
                parametrize.register_parametrization(module, "weight", LowRank(module.weight))
    elif method == "joint":
        shape = own.prompt_shape
        prefix = (0.02 * torch.randn(shape.layers, 2, shape.tokens, shape.width)).requires_grad_()
    return Rival(network, content, prefix)


class Training(Protocol):
    """Examples or anything else that has histories and their answers."""

    @property
    def targets(self) -> Any: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[History]: ...

    def take(self, chosen: Any) -> Any: ...


def fine_tuned(
    method: str, training: Examples, choosing: Asked, tested: Sequence[Asked], seed: int, rate: float | None = None
) -> tuple[list[torch.Tensor], dict[str, Any]]:
    """Scores of the step that did best on up to 500 of `choosing`, for it and each of `tested`, and what it cost."""
    part = choosing_part(choosing)
    own, cost = descend(
        method,
        training,
        lambda own: part.ndcg(scores(own, part)),
        choosing.candidates,
        seed,
        Pace(rate=rate or RATES[method]),
    )
    return [scores(own, asked) for asked in (choosing, *tested)], cost


def fine_tuned_on(
    training: Training,
    choosing: Training,
    ndcg: Callable[[torch.Tensor], Floats],
    tested: Sequence[Training],
    seed: int,
) -> tuple[list[torch.Tensor], dict[str, Any]]:
    """The same for people with few events, as a profile prompt is tuned: all items are candidates, the scores still
    hold what was seen."""
    everything = np.arange(len(recommender().catalogue))
    own, cost = descend("full", training, lambda own: ndcg(own.scores(list(choosing))), everything, seed, AS_A_PROFILE)
    return [own.scores(list(asked)) for asked in tested], cost


def descend(
    method: str,
    training: Training,
    score_of: Callable[[Rival], Floats],
    among: Any,
    seed: int,
    pace: Pace,
) -> tuple[Rival, dict[str, Any]]:
    """The same loss as a prompt's, by default in as many steps of such batches; the start is among what may be chosen,
    and the running mean of the steps as well as the steps where the pace has one."""
    began = time.process_time()
    own = rival(method, seed)
    rng = generator(seed, f"rival {method}")
    optimizer = torch.optim.AdamW(own.parameters(), lr=pace.rate, weight_decay=0.01)
    candidates = torch.from_numpy(among)
    column = torch.full((len(own.content.text),), -1)
    column[candidates] = torch.arange(len(candidates))
    mean = _kept(own)
    best, best_score, best_step = mean, -1.0, 0
    for step in range(pace.steps + 1):
        if step % pace.check_every == 0:
            own.network.eval()
            now = _kept(own)
            for state in (now, mean) if pace.averaged else (now,):
                _restore(own, state)
                score = float(score_of(own).mean())
                if score > best_score:
                    best, best_score, best_step = state, score, step
            _restore(own, now)
            if step - best_step >= pace.patience:
                break
        own.network.train()
        part = training.take(rng.integers(len(training), size=min(pace.batch, len(training))))
        items = own.items()
        rows, times = padded(list(part), HISTORY)
        queries = own.network(items, rows, times, own.prefixes(len(rows)), last_only=True)[:, 0]
        logits = own.network.log_scale.exp() * queries @ F.normalize(items[candidates], dim=-1).T
        loss = F.cross_entropy(logits, column[torch.from_numpy(part.targets)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if pace.averaged:
            mean = running_mean(mean[0], _kept(own)[0], pace.averaged), None
    _restore(own, best)
    own.network.eval()
    seconds = time.process_time() - began
    return own, {"seconds": seconds, "parameters": sum(p.numel() for p in own.parameters()), "step": best_step}


def choosing_part(choosing: Asked, most: int = 500) -> Asked:
    if len(choosing) <= most:
        return choosing
    spread = np.unique(np.linspace(0, len(choosing) - 1, most).astype(int))
    return Asked(choosing.examples.take(spread), choosing.candidates)


def scores(own: Rival, asked: Asked) -> torch.Tensor:
    with torch.inference_mode():
        items = own.items()
        keys = F.normalize(items[torch.from_numpy(asked.candidates)], dim=-1)
        return asked.scores(asked.queries(lambda histories: own.queries(items, histories)), keys)


def _kept(own: Rival) -> State:
    state = {name: tensor.detach().clone() for name, tensor in own.network.state_dict().items()}
    return state, None if own.prefix is None else own.prefix.detach().clone()


def _restore(own: Rival, kept: State) -> None:
    own.network.load_state_dict(kept[0])
    if kept[1] is not None and own.prefix is not None:
        with torch.no_grad():
            own.prefix.copy_(kept[1])


def popularity(training: Examples, choosing: Asked, tested: Sequence[Asked]) -> list[torch.Tensor]:
    """How often an item answers the examples, with so much of its general popularity as validation people like."""
    counts = torch.from_numpy(np.bincount(training.targets, minlength=len(recommender().catalogue))).float()
    general = torch.from_numpy(training_counts(recommender().split, len(counts))).float()
    general = general / general.sum()
    return _best([counts + weight * general for weight in (1.0, 10.0, 100.0, 1000.0)], choosing, tested)


def _best(tried: Sequence[torch.Tensor], choosing: Asked, tested: Sequence[Asked]) -> list[torch.Tensor]:
    def of(counts: torch.Tensor, asked: Asked) -> torch.Tensor:
        own = counts[torch.from_numpy(asked.candidates)]
        return asked.without_seen(own.expand(len(asked), -1).clone())

    best = max(tried, key=lambda counts: choosing.ndcg(of(counts, choosing)).mean())
    return [of(best, asked) for asked in (choosing, *tested)]


def item_knn(training: Examples, choosing: Asked, tested: Sequence[Asked]) -> list[torch.Tensor]:
    """Cosine of who has an item in the history and who is answered with an item, over the examples; where nothing is
    known, how often an item answers them."""
    items = len(recommender().catalogue)
    before, after = torch.zeros(len(training), items), torch.zeros(len(training), items)
    for i, history in enumerate(training):
        before[i, torch.from_numpy(history.rows)] = 1
    after[torch.arange(len(training)), torch.from_numpy(training.targets)] = 1
    lengths = before.sum(dim=0).sqrt()[:, None] * after.sum(dim=0).sqrt()[None]
    alike = (before.T @ after) / lengths.clamp(min=1)
    counts = after.sum(dim=0) / max(1, len(training))

    def of(asked: Asked) -> torch.Tensor:
        columns = torch.from_numpy(asked.candidates)
        own = torch.stack([alike[torch.from_numpy(h.rows)][:, columns].sum(dim=0) for h in asked.histories])
        return asked.without_seen(own + 1e-3 * counts[columns])

    return [of(asked) for asked in (choosing, *tested)]
