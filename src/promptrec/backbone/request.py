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

from promptrec.backbone.sequence import SequenceBackbone, device, fingerprint
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
ENCODED = 1_024
EXAMPLE_WEIGHT = 0.2
LONGEST_REQUEST = 2_000


class RequestNetwork(nn.Module):
    """A sentence vector to a shift of the query.

    A shift leaves the reading of the history as it is, so that within what was asked for people still get their own
    order; prefixes, tried first, followed requests as well but lost up to half of that order.
    """

    centre: Tensor

    def __init__(self, text_width: int, width: int, centre: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.hidden = nn.Sequential(nn.Dropout(0.3), nn.Linear(text_width, HIDDEN), nn.GELU(), nn.Dropout(0.1))
        self.shift = nn.Linear(HIDDEN, width)
        nn.init.normal_(self.shift.weight, std=0.02)

    def forward(self, sentences: Tensor) -> Tensor:
        """sentences (b, text_width) to shifts (b, width)."""
        centred = F.normalize(sentences - self.centre, dim=-1)
        hidden = self.hidden(centred)
        shift: Tensor = self.shift(hidden)
        return shift


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
            shift = self.network(sentence)[0].clone()
        return Prompt(
            name, "text", words, self.backbone.fingerprint, {"shift": shift}, request_encoder=self.fingerprint
        )

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
    return RequestNetwork(text_encoder.width, backbone.prompt_shape.shift, centre).to(device())


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
    example that fulfils it, so that rare wishes are learnt as well as common ones. The loss is the cross-entropy
    towards the frozen model's own distribution over the items that fulfil the wish, which keeps each person's order
    among them, and, with a smaller weight, towards the item that was chosen next.
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
    keys, targets = backbone.encode_items(), torch.from_numpy(examples.targets).to(device())
    with torch.no_grad():
        histories = torch.cat([_encode(backbone, examples, start) for start in range(0, len(examples), ENCODED)])
    fulfilled = torch.from_numpy(np.stack([wish.fulfilled for wish in wishes])).to(device())
    for _ in progress(range(STEPS), "learning requests", STEPS):
        drawn = rng.choice(usable, BATCH)
        chosen = torch.from_numpy(np.array([rng.choice(fulfilling[i]) for i in drawn])).to(device())
        queries = histories[chosen] + network(vectors[torch.from_numpy(drawn).to(device())])
        frozen = backbone.scale * histories[chosen] @ keys.T
        wanted = frozen.masked_fill(~fulfilled[torch.from_numpy(drawn).to(device())], -torch.inf).softmax(dim=-1)
        steered = backbone.scale * queries @ keys.T
        loss = F.cross_entropy(steered, wanted) + EXAMPLE_WEIGHT * F.cross_entropy(steered, targets[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return RequestEncoder(network, text_encoder, backbone)


def _encode(backbone: SequenceBackbone, examples: Examples, start: int) -> Tensor:
    chunk = examples.take(np.arange(start, min(start + ENCODED, len(examples))))
    return backbone.encode(list(chunk), [{}] * len(chunk))


def _examples_by_wish(wishes: Sequence[Wish], targets: np.ndarray) -> list[np.ndarray]:
    by_mask = {id(wish.fulfilled): wish.fulfilled for wish in wishes}
    masks = {key: np.flatnonzero(mask[targets]) for key, mask in by_mask.items()}
    return [masks[id(wish.fulfilled)] for wish in wishes]
