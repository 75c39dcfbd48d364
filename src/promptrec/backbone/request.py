"""Stage 2: the request encoder turns a person's words into a prompt for one frozen backbone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.interface import Backbone
from promptrec.backbone.qualities import Qualities
from promptrec.backbone.sequence import device, fingerprint
from promptrec.backbone.spoken import spoken_of
from promptrec.backbone.wishes import Wish
from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.progress import progress
from promptrec.prompt.prompt import Prompt
from promptrec.seeding import generator

HIDDEN = 256
STEPS = 1_600
BATCH = 128
HALF = BATCH // 2
NOTHING = 38  # of a batch ask for nothing
LEAST_SAID = 0.1  # part of a sentence that is the wish; the rest is what asks for nothing
OFF_TOPIC = 0.9
ENCODED = 1_024
EXAMPLE_WEIGHT = 0.2
STRENGTHS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4)
STEEPNESS = 10.0
UNSPOKEN = 0.1
MINOR = 0.3
SPOKEN = 0.5
RISE = 0.1
TEXT_WEIGHT = 1.0
FACET_WEIGHT = 0.1
LONGEST_REQUEST = 2_000


class RequestNetwork(nn.Module):
    """A sentence vector to a shift of the query within the content space.

    Each facet has a gate that says wanted (1), unwanted (-1), not spoken of (0) or, where the words only hint at it,
    something between: what a request does not speak of keeps each person's own order to the bit, however loud it is.
    Prefixes and unbounded shifts, tried first, followed requests as well but lost up to half of that order. What no
    facet takes up goes to the items whose texts are like the request: by the cosine of their vectors, each direction
    divided by how much the items differ in it; but only as far as the request is nearer to an item than sentences that
    ask for nothing.
    """

    centre: Tensor
    likeness: Tensor
    shown: Tensor
    strength: Tensor
    quiet: Tensor

    def __init__(self, trained: int, space: ContentSpace, centre: Tensor, items: Tensor) -> None:
        """trained: how many of a query's numbers come before those of the content space; centre: what requests have in
        common; items: (items, directions) where their texts lie."""
        super().__init__()
        text_width, facets = len(centre), len(space.facets)
        self.trained, self.directions = trained, space.directions.shape[1]
        self.others = space.width - self.directions - facets
        self.items = items  # no copy, and no part of what is learnt
        self.register_buffer("centre", centre)
        self.register_buffer("shown", space.directions, persistent=False)
        self.register_buffer("quiet", torch.tensor(0.0))
        self.register_buffer("likeness", space.directions / space.spread, persistent=False)
        self.register_buffer("strength", torch.tensor(1.0))
        self.hidden = nn.Sequential(nn.Dropout(0.3), nn.Linear(text_width, HIDDEN), nn.GELU(), nn.Dropout(0.1))
        self.loudness = nn.Parameter(torch.tensor(0.5))
        with warnings.catch_warnings():  # a catalogue without attribute words has no gates, and torch would say so
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")
            self.gates = nn.Linear(HIDDEN, facets)
            nn.init.normal_(self.gates.weight, std=0.02)
            nn.init.zeros_(self.gates.bias)

    def forward(self, sentences: Tensor) -> Tensor:
        """sentences (b, text_width) to shifts (b, trained + what a place in the content space has)."""
        centred = self._centred(sentences)
        hidden = self.hidden(centred)
        gates = STEEPNESS * self.gates(hidden)
        gates = torch.sigmoid(gates - STEEPNESS / 2) - torch.sigmoid(-gates - STEEPNESS / 2)
        taken_up = gates.abs().amax(dim=-1, keepdim=True) if gates.shape[-1] else hidden.new_zeros(len(hidden), 1)
        if not self.training:  # what is hardly spoken of is not spoken of
            gates = torch.where(gates.abs() < torch.clamp(MINOR * taken_up, min=UNSPOKEN), 0.0, gates)
            taken_up = (taken_up > SPOKEN).float()
        heard = ((self._nearness(centred) - self.quiet) / RISE).clamp(0, 1)[:, None]
        towards = self.loudness * F.normalize(centred @ self.likeness, dim=-1) * heard * (1 - taken_up)
        return self.strength * F.pad(torch.cat([towards, gates], dim=-1), (self.trained, self.others))

    def nearness(self, sentences: Tensor) -> Tensor:
        """(b,) the cosine with the nearest item, as far as the main directions of the texts show it."""
        return self._nearness(self._centred(sentences))

    def _nearness(self, centred: Tensor) -> Tensor:
        found: Tensor = (centred @ self.shown @ self.items.T).amax(dim=-1)
        return found

    def _centred(self, sentences: Tensor) -> Tensor:
        return F.normalize(sentences - self.centre, dim=-1)


class RequestEncoder:
    """Words to a text prompt, for one frozen backbone, with a fingerprint of its own."""

    def __init__(
        self,
        network: RequestNetwork,
        text_encoder: TextEncoder,
        backbone: Backbone,
        qualities: Qualities | None = None,
    ) -> None:
        """qualities: what words of quality do; without, they are words like others."""
        self.network = network.eval().requires_grad_(False)
        self.text_encoder = text_encoder
        self.backbone = backbone
        self.qualities = qualities or Qualities()
        self.fingerprint = self.qualities.marked(fingerprint(network))

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
            tensors = self.tensors(words)
        return Prompt(name, "text", words, self.backbone.fingerprint, tensors, request_encoder=self.fingerprint)

    def tensors(self, request: str) -> dict[str, Tensor]:
        """What a request becomes."""
        return {"shift": self._shift(request)}

    def texts(self, request: str) -> list[str]:
        """The parts of a request that the text encoder reads."""
        return spoken_of(request, self.qualities.directions).texts

    def _shift(self, request: str) -> Tensor:
        """Towards what is wanted, of which words in quotation marks are parts of their own, a little towards what is
        hinted at, away from what is not wanted, and towards the qualities that are asked for."""
        said = spoken_of(request, self.qualities.directions)
        start, width = self.network.trained + self.network.directions, self.backbone.prompt_shape.shift
        shift = torch.zeros(width, device=device())
        if said.texts:
            shifts: Tensor = self.network(torch.from_numpy(self.text_encoder.encode(said.texts)).to(device()))
            towards, aside = shifts.tensor_split([len(said.wanted)])
            steps = torch.tensor([step for _, step in said.aside], device=device())
            shift = (steps[:, None] * aside).sum(dim=0)
            if said.wanted:
                shift = shift + torch.cat([towards[:, :start].mean(dim=0), towards[:, start:].amax(dim=0)])
        return shift + self.qualities.shift(said.qualities, shift)

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "request_encoder.safetensors")
        self.qualities.save(folder)

    @classmethod
    def load(cls, folder: Path, backbone: Backbone, text_encoder: TextEncoder) -> RequestEncoder:
        """Raises PromptrecError where the file is missing or broken."""
        file = folder / "request_encoder.safetensors"
        network = _network(backbone, torch.zeros(text_encoder.width))
        try:
            network.load_state_dict(load_file(file))
        except (SafetensorError, RuntimeError, OSError) as error:
            raise PromptrecError(f"{file}: the request encoder cannot be read ({error}); train again") from None
        return cls(network, text_encoder, backbone, Qualities.load(folder))


def _network(backbone: Backbone, centre: Tensor) -> RequestNetwork:
    space = backbone.space
    trained = backbone.prompt_shape.shift - space.width
    texts = backbone.encode_items()[:, trained : trained + space.directions.shape[1]]
    return RequestNetwork(trained, space, centre.cpu(), texts).to(device())


def fit_request_encoder(
    backbone: Backbone,
    text_encoder: TextEncoder,
    wishes: Sequence[Wish],
    sentences: Vectors,
    nothing: Vectors,
    examples: Examples,
    seed: int,
) -> RequestEncoder:
    """Fit on triples (request, history, next item that the request describes); the backbone does not change.

    wishes and their sentences (n, width); nothing: sentences that ask for nothing; examples: events of training people.
    The tenth of `nothing` that is nearest to the items is left out: it may be about what this catalogue holds. The
    others are learnt to change nothing, and are mixed into the wishes, so that half a word is heard as well. A wish is
    drawn first, so that rare wishes are learnt as well as common ones; half of the histories are of people whose next
    item fulfils it, half are anybody's. The loss is the cross-entropy towards the frozen model's own distribution over
    the items that fulfil the wish, which keeps each person's order among them, and, with a smaller weight, towards the
    next item.
    """
    torch.manual_seed(int(generator(seed, "request encoder").integers(2**31)))
    rng = generator(seed, "request batches")
    vectors, silent = torch.from_numpy(sentences).to(device()), torch.from_numpy(nothing).to(device())
    network = _network(backbone, vectors.mean(dim=0))
    near = network.nearness(silent)
    network.quiet.fill_(near.quantile(OFF_TOPIC))
    silent = silent[near <= network.quiet]
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=STEPS)
    fulfilling = _examples_by_wish(wishes, examples.targets)
    usable = np.array([i for i, found in enumerate(fulfilling) if len(found)])
    if not len(usable):
        raise PromptrecError("requests: no training event is on an item that carries an attribute word or a title")
    texts = slice(network.trained, network.trained + network.directions)
    keys, targets = backbone.encode_items(), torch.from_numpy(examples.targets).to(device())
    with torch.no_grad():
        histories = torch.cat([_encode(backbone, examples, start) for start in range(0, len(examples), ENCODED)])
    masks = {id(wish.fulfilled): wish.fulfilled for wish in wishes}  # many wishes, in their wordings, ask for the same
    place = {key: i for i, key in enumerate(masks)}
    asks_for = torch.tensor([place[id(wish.fulfilled)] for wish in wishes], device=device())
    fulfilled = torch.from_numpy(np.stack(list(masks.values()))).to(device())
    for _ in progress(range(STEPS), "learning requests", STEPS):
        drawn = rng.choice(usable, BATCH)
        answered = [int(rng.choice(fulfilling[i])) for i in drawn[:HALF]]
        chosen = torch.from_numpy(np.concatenate([answered, rng.integers(len(examples), size=HALF)])).to(device())
        wished = torch.from_numpy(drawn).to(device())
        frozen = backbone.scale * histories[chosen] @ keys.T
        asked = fulfilled[asks_for[wished]]
        asked[-NOTHING:] = True
        said = torch.from_numpy(rng.uniform(LEAST_SAID, 1, (BATCH, 1)).astype(np.float32)).to(device())
        said[-NOTHING:] = 0
        unsaid = silent[torch.from_numpy(rng.integers(len(silent), size=BATCH)).to(device())]
        wanted = frozen.masked_fill(~asked, -torch.inf).softmax(dim=-1)
        shifts = network(said * vectors[wished] + (1 - said) * unsaid)
        steered = backbone.scale * (histories[chosen] + shifts) @ keys.T
        loss = F.cross_entropy(steered, wanted) + TEXT_WEIGHT * shifts[:, texts].square().sum(dim=-1).mean()
        loss = loss + FACET_WEIGHT * shifts[:, texts.stop :].abs().sum(dim=-1).mean()
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
    """Set how loud requests speak: the quietest at which anybody gets what they ask for as well as at any.

    wishes: in wordings that were not trained on; validation: events that were not trained on. Chosen is the least
    strength at which the share of the top ten that fulfils the wish, over up to 256 histories and 200 wishes spread
    evenly, is within 2% of the best.
    """
    backbone, network = encoder.backbone, encoder.network
    keys = backbone.encode_items()
    some = np.unique(np.linspace(0, len(wishes) - 1, 200).astype(int))
    with torch.no_grad():
        people = validation.take(np.unique(np.linspace(0, len(validation) - 1, 256).astype(int)))
        histories = backbone.encode(list(people), [{}] * len(people))
        shifts = network(torch.from_numpy(sentences[some]).to(device()))
    fulfilled = [torch.from_numpy(wishes[i].fulfilled).to(device()) for i in some]

    def share(strength: float) -> float:
        tops = [((histories + strength * shift) @ keys.T).topk(min(10, len(keys))).indices for shift in shifts]
        return float(np.mean([float(own[top].float().mean()) for own, top in zip(fulfilled, tops, strict=True)]))

    network.strength.fill_(quietest({strength: share(strength) for strength in STRENGTHS}))
    return RequestEncoder(network, encoder.text_encoder, backbone)


def quietest(reached: Mapping[float, float]) -> float:
    """Of strengths, in rising order, and the shares that they reach: the least whose share is within 2% of the best."""
    enough = 0.98 * max(reached.values())
    return next(strength for strength, share in reached.items() if share >= enough)


def _encode(backbone: Backbone, examples: Examples, start: int) -> Tensor:
    chunk = examples.take(np.arange(start, min(start + ENCODED, len(examples))))
    return backbone.encode(list(chunk), [{}] * len(chunk))


def _examples_by_wish(wishes: Sequence[Wish], targets: np.ndarray) -> list[np.ndarray]:
    by_mask = {id(wish.fulfilled): wish.fulfilled for wish in wishes}
    masks = {key: np.flatnonzero(mask[targets]) for key, mask in by_mask.items()}
    return [masks[id(wish.fulfilled)] for wish in wishes]
