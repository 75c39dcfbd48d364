"""Stage 2: the request encoder turns a person's words into a prompt for one frozen backbone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from promptrec.backbone.interface import Backbone
from promptrec.backbone.negation import wanted_and_unwanted
from promptrec.backbone.sequence import device, fingerprint
from promptrec.backbone.wishes import Wish
from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.progress import progress
from promptrec.prompt.prompt import Prompt
from promptrec.seeding import generator

HIDDEN = 256
STEPS = 800
BATCH = 128
HALF = BATCH // 2
ENCODED = 1_024
EXAMPLE_WEIGHT = 0.2
STRENGTHS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25)
STEEPNESS = 10.0
TEXT_WEIGHT = 1.0
LONGEST_REQUEST = 2_000


class RequestNetwork(nn.Module):
    """A sentence vector to a shift of the query within the content space.

    Each facet has a gate that says wanted (1), unwanted (-1) or not spoken of (0) and is steep enough to mean just one
    of the three: what a request does not speak of keeps each person's own order to the bit, however loud the request.
    Prefixes and unbounded shifts, tried first, followed requests as well but lost up to half of that order. What no
    facet takes up goes to the directions of the items' texts.
    """

    centre: Tensor
    strength: Tensor

    def __init__(self, text_width: int, trained: int, directions: int, facets: int, centre: Tensor) -> None:
        """trained: how many of a query's numbers come before those of the content space, which has `directions` of the
        texts and `facets`."""
        super().__init__()
        self.trained = trained
        self.register_buffer("centre", centre)
        self.register_buffer("strength", torch.tensor(1.0))
        self.hidden = nn.Sequential(nn.Dropout(0.3), nn.Linear(text_width, HIDDEN), nn.GELU(), nn.Dropout(0.1))
        self.towards = nn.Linear(HIDDEN, directions)
        self.gates = nn.Linear(HIDDEN, facets)
        self.codes = nn.Parameter(torch.eye(facets))
        for layer in (self.towards, self.gates):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, sentences: Tensor) -> Tensor:
        """sentences (b, text_width) to shifts (b, trained + directions + facets)."""
        hidden = self.hidden(F.normalize(sentences - self.centre, dim=-1))
        spoken = self.gates(hidden)
        gates = torch.sigmoid(STEEPNESS * (spoken - 0.5)) - torch.sigmoid(STEEPNESS * (-spoken - 0.5))
        taken_up = gates.abs().amax(dim=-1, keepdim=True) if gates.shape[-1] else 0.0
        towards = self.towards(hidden) * (1 - taken_up)
        return self.strength * F.pad(torch.cat([towards, gates @ self.codes], dim=-1), (self.trained, 0))


class RequestEncoder:
    """Words to a text prompt, for one frozen backbone, with a fingerprint of its own."""

    def __init__(self, network: RequestNetwork, text_encoder: TextEncoder, backbone: Backbone) -> None:
        self.network = network.eval().requires_grad_(False)
        self.text_encoder = text_encoder
        self.backbone = backbone
        self.fingerprint = fingerprint(network)

    def prompt(self, request: str, name: str = "request") -> Prompt:
        """The text prompt of one request. Raises PromptrecError for an empty or overlong one."""
        words = request.strip()
        if not words:
            raise PromptrecError("request: it is empty; write what is wanted, or leave the request out")
        if len(words) > LONGEST_REQUEST:
            raise PromptrecError(
                f"request: {len(words):,} characters, at most {LONGEST_REQUEST:,} are read; shorten it"
            )
        with torch.inference_mode():
            shift = self._shift(words)
        return Prompt(
            name, "text", words, self.backbone.fingerprint, {"shift": shift}, request_encoder=self.fingerprint
        )

    def _shift(self, request: str) -> Tensor:
        """Towards what is wanted and away from what is not."""
        wanted, unwanted = wanted_and_unwanted(request)
        texts = [*([wanted] if wanted else []), *unwanted] or [request]
        shifts: Tensor = self.network(torch.from_numpy(self.text_encoder.encode(texts)).to(device()))
        signs = torch.tensor([1.0] * bool(wanted) + [-1.0] * len(unwanted) or [1.0], device=shifts.device)
        return signs @ shifts

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "request_encoder.safetensors")

    @classmethod
    def load(cls, folder: Path, backbone: Backbone, text_encoder: TextEncoder) -> RequestEncoder:
        """Raises PromptrecError where the file is missing or broken."""
        file = folder / "request_encoder.safetensors"
        network = _network(backbone, text_encoder, torch.zeros(text_encoder.width))
        try:
            network.load_state_dict(load_file(file))
        except (SafetensorError, RuntimeError, OSError) as error:
            raise PromptrecError(f"{file}: the request encoder cannot be read ({error}); train again") from None
        return cls(network, text_encoder, backbone)


def _network(backbone: Backbone, text_encoder: TextEncoder, centre: Tensor) -> RequestNetwork:
    directions, facets = backbone.space.directions.shape[1], len(backbone.space.facets)
    trained = backbone.prompt_shape.shift - directions - facets
    return RequestNetwork(text_encoder.width, trained, directions, facets, centre).to(device())


def fit_request_encoder(
    backbone: Backbone,
    text_encoder: TextEncoder,
    wishes: Sequence[Wish],
    sentences: Vectors,
    examples: Examples,
    seed: int,
) -> RequestEncoder:
    """Fit on triples (request, history, next item that the request describes); the backbone does not change.

    wishes and their sentences (n, width); examples: events of training people. A wish is drawn first, so that rare
    wishes are learnt as well as common ones; half of the histories are of people whose next item fulfils it, half are
    anybody's. The loss is the cross-entropy towards the frozen model's own distribution over the items that fulfil the
    wish, which keeps each person's order among them, and, with a smaller weight, towards the next item.
    """
    torch.manual_seed(int(generator(seed, "request encoder").integers(2**31)))
    rng = generator(seed, "request batches")
    vectors = torch.from_numpy(sentences).to(device())
    network = _network(backbone, text_encoder, vectors.mean(dim=0))
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=STEPS)
    fulfilling = _examples_by_wish(wishes, examples.targets)
    usable = np.array([i for i, found in enumerate(fulfilling) if len(found)])
    if not len(usable):
        raise PromptrecError("requests: no training event is on an item that carries an attribute word or a title")
    texts = slice(network.trained, network.trained + network.towards.out_features)
    keys, targets = backbone.encode_items(), torch.from_numpy(examples.targets).to(device())
    with torch.no_grad():
        histories = torch.cat([_encode(backbone, examples, start) for start in range(0, len(examples), ENCODED)])
    fulfilled = torch.from_numpy(np.stack([wish.fulfilled for wish in wishes])).to(device())
    for _ in progress(range(STEPS), "learning requests", STEPS):
        drawn = rng.choice(usable, BATCH)
        answered = [int(rng.choice(fulfilling[i])) for i in drawn[:HALF]]
        chosen = torch.from_numpy(np.concatenate([answered, rng.integers(len(examples), size=HALF)])).to(device())
        wished = torch.from_numpy(drawn).to(device())
        frozen = backbone.scale * histories[chosen] @ keys.T
        wanted = frozen.masked_fill(~fulfilled[wished], -torch.inf).softmax(dim=-1)
        shifts = network(vectors[wished])
        steered = backbone.scale * (histories[chosen] + shifts) @ keys.T
        loss = F.cross_entropy(steered, wanted) + TEXT_WEIGHT * shifts[:, texts].square().sum(dim=-1).mean()
        loss = loss + EXAMPLE_WEIGHT * F.cross_entropy(steered[:HALF], targets[chosen[:HALF]])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return RequestEncoder(network, text_encoder, backbone)


def choose_strength(
    encoder: RequestEncoder, wishes: Sequence[Wish], sentences: Vectors, validation: Examples
) -> RequestEncoder:
    """Set how loud requests speak: the loudest at which people keep their order within what they ask for.

    wishes: in wordings that were not trained on; validation: events that were not trained on. Chosen is the greatest
    strength at which the mean NDCG@10 among the items that fulfil the wish, over the events that fulfil it, is at least
    99% of that without a request; the least strength where none is.
    """
    backbone, network = encoder.backbone, encoder.network
    keys = backbone.encode_items()
    with torch.no_grad():
        histories = torch.cat([_encode(backbone, validation, start) for start in range(0, len(validation), ENCODED)])
        shifts = network(torch.from_numpy(sentences).to(device()))
    targets = torch.from_numpy(validation.targets).to(device())

    def within(strength: float) -> float:
        gains = []
        for wish, shift in zip(wishes, shifts, strict=True):
            carried = torch.from_numpy(wish.fulfilled).to(device())
            asked = carried[targets]
            scores = (histories[asked] + strength * shift) @ keys.T
            wanted = scores.gather(1, targets[asked][:, None])
            ranks = ((scores >= wanted) & carried).sum(dim=1) - 1
            gains.append(torch.where(ranks < 10, 1 / (ranks + 2.0).log2(), 0.0))
        return float(torch.cat(gains).mean())

    frozen = within(0.0)
    kept = [strength for strength in STRENGTHS if within(strength) >= 0.99 * frozen]
    network.strength.fill_(kept[0] if kept else STRENGTHS[-1])
    return RequestEncoder(network, encoder.text_encoder, backbone)


def _encode(backbone: Backbone, examples: Examples, start: int) -> Tensor:
    chunk = examples.take(np.arange(start, min(start + ENCODED, len(examples))))
    return backbone.encode(list(chunk), [{}] * len(chunk))


def _examples_by_wish(wishes: Sequence[Wish], targets: np.ndarray) -> list[np.ndarray]:
    by_mask = {id(wish.fulfilled): wish.fulfilled for wish in wishes}
    masks = {key: np.flatnonzero(mask[targets]) for key, mask in by_mask.items()}
    return [masks[id(wish.fulfilled)] for wish in wishes]
