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

from promptrec.backbone.interface import Backbone
from promptrec.backbone.qualities import Qualities
from promptrec.backbone.request_network import RequestNetwork
from promptrec.backbone.sequence import device, fingerprint
from promptrec.backbone.spoken import spoken_of
from promptrec.backbone.wishes import Wish
from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.progress import progress
from promptrec.prompt.prompt import Prompt
from promptrec.seeding import generator

STEPS = 300
RATE = 1e-2
BATCH = 128
HALF = BATCH // 2
LEAST_SAID = 0.1  # part of a sentence that is the wish; the rest is what asks for nothing
OFF_TOPIC = 0.9
ORDINARY = 0.03  # of the sentences that ask for nothing are less like the others than what counts as ordinary
ENCODED = 1_024
RANKED = 512  # items that a batch ranks, besides those that answer its wishes
EXAMPLE_WEIGHT = 0.2
STRENGTHS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4)
TEXT_WEIGHT = 1.0
FACET_WEIGHT = 0.1
LONGEST_REQUEST = 2_000


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
        hinted at, away from what is not wanted, and towards the qualities that are asked for. Of two words in one
        sentence either may drown the other: joined wishes are heard one by one as well, where two name a facet."""
        said = spoken_of(request, self.qualities.directions)
        start, width = self.network.trained + self.network.directions, self.backbone.prompt_shape.shift
        shift = torch.zeros(width, device=device())
        if said.texts:
            sentences = torch.from_numpy(self.text_encoder.encode(said.texts)).to(device())
            wanted, joined = len(said.wanted), len(said.joined)
            towards, each, aside = self.network(sentences).tensor_split([wanted, wanted + joined])
            steps = torch.tensor([step for _, step in said.aside], device=device())
            shift = (steps[:, None] * aside).sum(dim=0)
            if said.wanted:
                gates = towards[:, start:]
                named = each[:, start:] * self.network.named(sentences[wanted : wanted + joined])
                if gates[0].any() and named.any(dim=1).sum() > 1:
                    gates = torch.cat([gates, named])
                shift = shift + torch.cat([towards[:, :start].mean(dim=0), gates.amax(dim=0)])
        return shift + self.qualities.shift(said.qualities, shift)

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "request_encoder.safetensors")
        self.qualities.save(folder)

    @classmethod
    def load(cls, folder: Path, backbone: Backbone, text_encoder: TextEncoder) -> RequestEncoder:
        """Raises PromptrecError where the file is missing, broken or of an earlier version."""
        file = folder / "request_encoder.safetensors"
        try:
            saved = load_file(file)
            if "names" not in saved:
                raise PromptrecError(f"{file}: this request encoder is of an earlier version of promptrec; train again")
            network = _network(backbone, saved["centre"], saved["names"], saved["everyday"])
            network.load_state_dict(saved)
        except (SafetensorError, RuntimeError, OSError, KeyError) as error:
            raise PromptrecError(f"{file}: the request encoder cannot be read ({error}); train again") from None
        return cls(network, text_encoder, backbone, Qualities.load(folder))


def _network(backbone: Backbone, centre: Tensor, names: Tensor, everyday: Tensor) -> RequestNetwork:
    space = backbone.space
    trained = backbone.prompt_shape.shift - space.width
    texts = backbone.encode_items()[:, trained : trained + space.directions.shape[1]]
    return RequestNetwork(trained, space, texts, centre.cpu(), names.cpu(), everyday.cpu()).to(device())


def _names(backbone: Backbone, text_encoder: TextEncoder, wishes: Sequence[Wish], centred: Tensor) -> list[Tensor]:
    """Of each facet (facets, w) its own word, and for each language the mean of the wishes that ask for just its items;
    zeros where none does."""
    space = backbone.space
    words = torch.from_numpy(text_encoder.encode([word.lower() for _, word in space.facets]))
    carried = space.carried(backbone.catalogue).bool().numpy()
    facets = {own.tobytes(): facet for facet, own in enumerate(carried.T)}
    asked = [facets.get(wish.fulfilled.tobytes(), -1) for wish in wishes]
    spoken = []
    for language in sorted({wish.language for wish in wishes}):
        own = [i for i, wish in enumerate(wishes) if asked[i] >= 0 and wish.language == language]
        sums = torch.zeros_like(words).index_add_(
            0, torch.tensor([asked[i] for i in own], dtype=torch.long), centred[own]
        )
        spoken.append(F.normalize(sums, dim=-1))
    return [words, *spoken]


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
    Facets are known by their names: the attribute word, and in each language the mean of the wishes for just its items.
    What is learnt is the rule that all of them share. `nothing` is mixed into the wishes, so that half a word is heard
    as well, all but the tenth that is nearest to the items: it may be about what this catalogue holds. From how like
    each of `nothing` is to the others follows what counts as ordinary. A wish is drawn first, so that rare wishes are
    learnt as well as common ones; half of the histories are of people whose next item fulfils it, half are anybody's.
    The loss is the cross-entropy towards the frozen model's own distribution over the items that fulfil the wish, which
    keeps each person's order among them, and, with a smaller weight, towards the next item; of the items, 512 drawn
    ones are ranked besides those that answer a wish of the batch.
    """
    torch.manual_seed(int(generator(seed, "request encoder").integers(2**31)))
    rng = generator(seed, "request batches")
    vectors, silent = torch.from_numpy(sentences), torch.from_numpy(nothing)
    centre = vectors.mean(dim=0)
    words, *spoken = _names(backbone, text_encoder, wishes, F.normalize(vectors - centre, dim=-1))
    names = torch.stack([F.normalize(words - centre, dim=-1), *spoken])
    network = _network(backbone, centre, names, F.normalize(silent - centre, dim=-1))
    vectors, silent = vectors.to(device()), silent.to(device())
    near = network.nearness(silent)
    network.quiet.copy_(torch.stack([near.quantile(OFF_TOPIC), near.max()]))
    network.ordinary_from.fill_(network.everydayness(silent).quantile(ORDINARY))
    silent = silent[near <= network.quiet[0]]
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=RATE, total_steps=STEPS)
    fulfilling = _examples_by_wish(wishes, examples.targets)
    usable = np.array([i for i, found in enumerate(fulfilling) if len(found)])
    if not len(usable):
        raise PromptrecError("requests: no training event is on an item that carries an attribute word or a title")
    texts = slice(network.trained, network.trained + network.directions)
    keys = backbone.encode_items()
    with torch.no_grad():
        histories = torch.cat([_encode(backbone, examples, start) for start in range(0, len(examples), ENCODED)])
    masks = {id(wish.fulfilled): wish.fulfilled for wish in wishes}  # many wishes, in their wordings, ask for the same
    place = {key: i for i, key in enumerate(masks)}
    asks_for = torch.tensor([place[id(wish.fulfilled)] for wish in wishes], device=device())
    fulfilled = torch.from_numpy(np.stack(list(masks.values()))).to(device())
    for _ in progress(range(STEPS), "learning requests", STEPS):
        drawn = rng.choice(usable, BATCH)
        answered = np.array([int(rng.choice(fulfilling[i])) for i in drawn])
        chosen = torch.from_numpy(np.concatenate([answered[:HALF], rng.integers(len(examples), size=HALF)])).to(
            device()
        )
        answers = examples.targets[answered]
        some = np.union1d(rng.permutation(len(keys))[:RANKED], answers)
        ranked, wished = torch.from_numpy(some).to(device()), torch.from_numpy(drawn).to(device())
        frozen = backbone.scale * histories[chosen] @ keys[ranked].T
        wanted = frozen.masked_fill(~fulfilled[asks_for[wished]][:, ranked], -torch.inf).softmax(dim=-1)
        said = torch.from_numpy(rng.uniform(LEAST_SAID, 1, (BATCH, 1)).astype(np.float32)).to(device())
        unsaid = silent[torch.from_numpy(rng.integers(len(silent), size=BATCH)).to(device())]
        shifts = network(said * vectors[wished] + (1 - said) * unsaid)
        steered = backbone.scale * (histories[chosen] + shifts) @ keys[ranked].T
        loss = F.cross_entropy(steered, wanted) + TEXT_WEIGHT * shifts[:, texts].square().sum(dim=-1).mean()
        loss = loss + FACET_WEIGHT * shifts[:, texts.stop :].abs().sum(dim=-1).mean()
        next_items = torch.from_numpy(np.searchsorted(some, answers[:HALF])).to(device())
        loss = loss + EXAMPLE_WEIGHT * F.cross_entropy(steered[:HALF], next_items)
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
        plain = backbone.encode(list(people), [{}] * len(people)) @ keys.T
        moves = network(torch.from_numpy(sentences[some]).to(device())) @ keys.T
    fulfilled = [torch.from_numpy(wishes[i].fulfilled).to(device()) for i in some]

    def share(strength: float) -> float:
        tops = [(plain + strength * move).topk(min(10, len(keys))).indices for move in moves]
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
