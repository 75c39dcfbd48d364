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
HALF = BATCH // 2
ENCODED = 1_024
EXAMPLE_WEIGHT = 0.2
STRENGTHS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25)
LONGEST_REQUEST = 2_000


class RequestNetwork(nn.Module):
    """A sentence vector to a shift of the query.

    A shift leaves the reading of the history as it is, so that within what was asked for people still get their own
    order; prefixes, tried first, followed requests as well but lost up to half of that order.
    """

    centre: Tensor
    strength: Tensor

    def __init__(self, text_width: int, width: int, centre: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("strength", torch.tensor(1.0))
        self.hidden = nn.Sequential(nn.Dropout(0.3), nn.Linear(text_width, HIDDEN), nn.GELU(), nn.Dropout(0.1))
        self.shift = nn.Linear(HIDDEN, width)
        nn.init.normal_(self.shift.weight, std=0.02)

    def forward(self, sentences: Tensor) -> Tensor:
        """sentences (b, text_width) to shifts (b, width)."""
        centred = F.normalize(sentences - self.centre, dim=-1)
        hidden = self.hidden(centred)
        shift: Tensor = self.strength * self.shift(hidden)
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
        steered = backbone.scale * (histories[chosen] + network(vectors[wished])) @ keys.T
        loss = F.cross_entropy(steered, wanted)
        loss = loss + EXAMPLE_WEIGHT * F.cross_entropy(steered[:HALF], targets[chosen[:HALF]])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
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


def _encode(backbone: SequenceBackbone, examples: Examples, start: int) -> Tensor:
    chunk = examples.take(np.arange(start, min(start + ENCODED, len(examples))))
    return backbone.encode(list(chunk), [{}] * len(chunk))


def _examples_by_wish(wishes: Sequence[Wish], targets: np.ndarray) -> list[np.ndarray]:
    by_mask = {id(wish.fulfilled): wish.fulfilled for wish in wishes}
    masks = {key: np.flatnonzero(mask[targets]) for key, mask in by_mask.items()}
    return [masks[id(wish.fulfilled)] for wish in wishes]
