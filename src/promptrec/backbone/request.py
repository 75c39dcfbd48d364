"""Stage 2: the request encoder turns a person's words into a prompt for one frozen backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from promptrec.backbone.network import Steering
from promptrec.backbone.sequence import SequenceBackbone, device, fingerprint, pad
from promptrec.backbone.wishes import Wish
from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.progress import progress
from promptrec.prompt.prompt import Prompt
from promptrec.seeding import generator

TOKENS = 4
HIDDEN = 256
STEPS = 600
BATCH = 128
HISTORY = 30
LONGEST_REQUEST = 2_000


class RequestNetwork(nn.Module):
    """A sentence vector to a prefix of four tokens a layer and a shift of the query.

    The shift also has a direct part, the words seen through the backbone's own projection of content: what it learns
    of one word carries over to words that lie near it.
    """

    centre: Tensor
    content_projection: Tensor

    def __init__(self, text_width: int, layers: int, width: int, content_projection: Tensor, centre: Tensor) -> None:
        super().__init__()
        self.layers, self.width = layers, width
        self.register_buffer("centre", centre)
        self.register_buffer("content_projection", content_projection, persistent=False)
        self.hidden = nn.Sequential(nn.Linear(text_width, HIDDEN), nn.GELU(), nn.Dropout(0.1))
        self.prefix = nn.Linear(HIDDEN, layers * 2 * TOKENS * width)
        self.shift = nn.Linear(HIDDEN, width)
        self.direct = nn.Linear(width, width)
        for layer in (self.prefix, self.shift):
            nn.init.normal_(layer.weight, std=0.02)

    def forward(self, sentences: Tensor) -> Steering:
        """sentences (b, text_width) to the steering of b rows."""
        centred = F.normalize(sentences - self.centre, dim=-1)
        hidden = self.hidden(centred)
        prefix = self.prefix(hidden).view(-1, self.layers, 2, TOKENS, self.width)
        return Steering(prefix, self.shift(hidden) + self.direct(centred @ self.content_projection.T))


class RequestEncoder:
    """Words to a text prompt, for one frozen backbone, with a fingerprint of its own."""

    def __init__(self, network: RequestNetwork, text_encoder: TextEncoder, backbone: SequenceBackbone) -> None:
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
            sentence = torch.from_numpy(self.text_encoder.encode([words])).to(device())
            steering = self.network(sentence)
        assert steering.prefix is not None
        assert steering.shift is not None
        tensors = {"prefix": steering.prefix[0].clone(), "shift": steering.shift[0].clone()}
        return Prompt(name, "text", words, self.backbone.fingerprint, tensors, request_encoder=self.fingerprint)

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "request_encoder.safetensors")

    @classmethod
    def load(cls, folder: Path, backbone: SequenceBackbone, text_encoder: TextEncoder) -> RequestEncoder:
        """Raises PromptrecError where the file is missing or broken."""
        file = folder / "request_encoder.safetensors"
        network = _network(backbone, text_encoder, torch.zeros(text_encoder.width))
        try:
            network.load_state_dict(load_file(file))
        except (SafetensorError, RuntimeError, OSError) as error:
            raise PromptrecError(f"{file}: the request encoder cannot be read ({error}); train again") from None
        return cls(network, text_encoder, backbone)


def _network(backbone: SequenceBackbone, text_encoder: TextEncoder, centre: Tensor) -> RequestNetwork:
    shape = backbone.prompt_shape
    projection = backbone.network.project_content.weight.detach()
    return RequestNetwork(text_encoder.width, shape.layers, shape.width, projection, centre).to(device())


def fit_request_encoder(
    backbone: SequenceBackbone,
    text_encoder: TextEncoder,
    wishes: Sequence[Wish],
    sentences: Vectors,
    examples: Examples,
    seed: int,
) -> RequestEncoder:
    """Fit on triples (request, history, next item that the request describes); the backbone does not change.

    wishes and their sentences (n, width); examples: events of training people. A wish is drawn first and then an
    example that fulfils it, so that rare wishes are learnt as well as common ones.
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
    keys, targets = backbone.encode_items(), torch.from_numpy(examples.targets)
    for _ in progress(range(STEPS), "learning requests", STEPS):
        drawn = rng.choice(usable, BATCH)
        chosen = np.array([rng.choice(fulfilling[i]) for i in drawn])
        rows, times = pad([examples.history(int(i)).last(HISTORY) for i in chosen], HISTORY, len(keys))
        encoded = backbone.network(
            backbone.item_parts, rows.to(device()), times.to(device()), network(vectors[drawn]), last_only=True
        )
        logits = backbone.scale * F.normalize(encoded[:, 0], dim=-1) @ keys.T
        loss = F.cross_entropy(logits, targets[chosen].to(device()))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return RequestEncoder(network, text_encoder, backbone)


def _examples_by_wish(wishes: Sequence[Wish], targets: np.ndarray) -> list[np.ndarray]:
    masks: Mapping[int, np.ndarray] = {}
    by_mask = {id(wish.fulfilled): wish.fulfilled for wish in wishes}
    masks = {key: np.flatnonzero(mask[targets]) for key, mask in by_mask.items()}
    return [masks[id(wish.fulfilled)] for wish in wishes]
