"""Words of quality: popular, little known, the best, recent. What they mean is in the events, not in the items' texts.

Sentence vectors cannot tell "a popular comedy" from "a comedy", and no attribute says how popular an item is. But the
frozen model knows: how often an item is chosen, how it is rated and how new it is can be read from its trained vector
by a linear function, whose direction is where the word moves a query. So new items have these qualities too, as far as
the model places them. Like those of refusal and of hinting, these words are read as words, English and Chinese ones,
with the degree that stands before them; of a quality that the model does not show they are left in the request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptrec.backbone.interface import Backbone
from promptrec.data.catalogue import Catalogue
from promptrec.data.interactions import training_events
from promptrec.data.split import Split
from promptrec.errors import PromptrecError

FILE = "qualities.safetensors"
LIFT = 1.0  # logits that "popular" adds to an item for each standard deviation that it is more popular than another
TRUSTED = 5  # events of its own that count as much as the mean of all items
RIDGE = 1.0
FOLDS = 5
EASED = -0.5  # of a quality that is not to be too great
SHOWN = 0.5  # the least correlation on items that were not fitted on
FEWEST_ITEMS = 50

Floats = npt.NDArray[np.float64]

_UP: dict[str, tuple[str, str]] = {
    "popular": (r"popular|well[- ]known|famous|widely\s+(?:watched|read|bought)", "热门|受欢迎|知名|著名"),
    "acclaimed": (
        r"best|greatest|acclaimed|(?:highly|well|best|top)[- ](?:rated|reviewed)|well[- ]loved|outstanding",
        "最好(?=的)|高分|口碑好|好评|最佳",
    ),
    "recent": (r"recent|newer|newest|latest", "最新|较新|近年|新近"),
}
_DOWN: dict[str, tuple[str, str]] = {
    "popular": (r"(?:little|lesser|less|barely)[- ]known|obscure|hidden\s+gems?", "冷门|小众|鲜为人知"),
    "recent": (r"older", "较老|老旧"),
}
SPOKEN: dict[str, dict[str, tuple[str, ...]]] = {
    "popular": {
        "en": ("very popular", "popular", "fairly popular", "a little popular", "little known", "not too popular"),
        "zh": ("非常热门", "热门", "比较热门", "有点热门", "冷门", "不太热门"),
    },
    "acclaimed": {
        "en": ("very highly rated", "highly rated", "fairly well rated", "not so highly rated"),
        "zh": ("非常高分", "高分", "比较高分", "不太高分"),
    },
    "recent": {
        "en": ("very recent", "recent", "fairly recent", "a little older", "older", "much older"),
        "zh": ("非常新近", "近年", "比较新近", "有点老旧", "老旧", "非常老旧"),
    },
}
"""How a search says each quality, in each language."""
_DEGREES = {
    r"very|really|extremely|most|much|far": 2.0,
    r"fairly|quite|rather|somewhat|moderately|reasonably": 0.5,
    r"a\s+(?:little|bit)|slightly": 0.25,
    "非常|特别|很|最": 2.0,
    "比较|还算": 0.5,
    "有点|稍微": 0.25,
}
_FORMS = [(name, 1.0, *forms) for name, forms in _UP.items()] + [(name, -1.0, *forms) for name, forms in _DOWN.items()]
_DEGREE = "|".join(f"(?P<d{i}>{words})" for i, words in enumerate(_DEGREES))
_WORD = "|".join(rf"(?P<q{i}>\b(?:{english})\b|(?:{chinese}))" for i, (_, _, english, chinese) in enumerate(_FORMS))
_QUALITY = re.compile(rf"(?:\bthe\s+)?(?:(?:\b|(?<=[\u4e00-\u9fff]))(?:{_DEGREE})\s*)?(?:{_WORD})(?:的(?!$))?")
_EASED = re.compile(
    rf"(?:\b(?:(?:not|nothing)(?:\s+(?:too|so|very))?|less)\s+|不太|不怎么|不那么)(?:{_WORD})(?:的(?!$))?"
)
_QUOTED = re.compile('[“"「『《][^“”"「」『』《》]*[”"」』》]')
_JOINED = re.compile(r"^[\s,，、;]*(?:(?:and|but)\b|[和且又])?\s*|[\s,，、;]*(?:\b(?:and|but)|[和且又])?[\s,，、;]*$")
Amounts = dict[str, float]


def read(phrase: str, known: Collection[str]) -> tuple[str, Amounts]:
    """The phrase without its words of known qualities, and how much it asks of each; words in quotes stay words."""
    return _read(_QUALITY, phrase, known)


def read_eased(request: str, known: Collection[str]) -> tuple[str, Amounts]:
    """The same of qualities that are half refused, as in "not too popular": what follows them is not refused."""
    return _read(_EASED, request, known)


def _read(pattern: re.Pattern[str], phrase: str, known: Collection[str]) -> tuple[str, Amounts]:
    quoted = [match.span() for match in _QUOTED.finditer(phrase)]
    rest, amounts, end = "", Amounts(), 0
    for match in pattern.finditer(phrase[:1].lower() + phrase[1:]):  # capitals within a sentence are those of titles
        form = next(i for i in range(len(_FORMS)) if match[f"q{i}"])
        name, sign = _FORMS[form][:2]
        if name not in known or any(start <= match.start() < stop for start, stop in quoted):
            continue
        found = match.groupdict()
        degree = next((times for i, times in enumerate(_DEGREES.values()) if found.get(f"d{i}")), 1.0)
        amounts[name] = amounts.get(name, 0.0) + sign * (EASED if pattern is _EASED else degree)
        rest, end = rest + phrase[end : match.start()], match.end()
    if not amounts:
        return phrase, {}
    return _JOINED.sub("", re.sub(r"\s+", " ", rest + phrase[end:]).strip()).strip(), amounts


@dataclass(frozen=True)
class Qualities:
    """directions: by name, (trained,) how far a word moves the part of a query that meets the trained vectors; shown:
    by name, how well items that were not fitted on show the quality, a correlation."""

    directions: Mapping[str, torch.Tensor] = field(default_factory=dict)
    shown: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, backbone: Backbone, split: Split) -> Qualities:
        """From the events that were trained on; a quality that the model does not show is left out."""
        trained = backbone.prompt_shape.shift - backbone.space.width
        keys = backbone.encode_items()[:, :trained].double().cpu().numpy()
        directions, shown = {}, {}
        for name, (measured, weights) in _measures(backbone.catalogue, split).items():
            if np.count_nonzero(weights) < FEWEST_ITEMS or np.ptp(measured[weights > 0]) == 0:
                continue
            correlation = _correlation(keys, measured, weights)
            if correlation >= SHOWN:
                fitted = _fitted(keys, measured, weights)
                step = LIFT / backbone.scale * fitted / (keys @ fitted).std()
                directions[name], shown[name] = torch.from_numpy(step.astype(np.float32)), round(correlation, 3)
        return cls(directions, shown)

    def shift(self, amounts: Mapping[str, float], like: torch.Tensor) -> torch.Tensor:
        """(d,) the shift of a query, as long as `like`."""
        shift = torch.zeros_like(like)
        for name, amount in amounts.items():
            own = self.directions[name]
            shift[: len(own)] += amount * own.to(like.device)
        return shift

    def marked(self, fingerprint: str) -> str:
        """The fingerprint of a request encoder that has these; its own where there are none."""
        if not self.directions:
            return fingerprint
        digest = hashlib.sha256(fingerprint.encode())
        for name, direction in sorted(self.directions.items()):
            digest.update(name.encode() + direction.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        if self.directions:
            save_file(dict(self.directions), folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Qualities:
        """None of them where the model was trained before there were any. Raises PromptrecError for a broken file."""
        file = folder / FILE
        if not file.exists():
            return cls()
        try:
            return cls(load_file(file))
        except (SafetensorError, OSError) as error:
            raise PromptrecError(f"{file}: the words of quality cannot be read ({error}); train again") from None


def _measures(catalogue: Catalogue, split: Split) -> dict[str, tuple[Floats, Floats]]:
    """For each quality a number an item, and how far it is to be trusted, 0 to 1."""
    _, events = training_events(split)
    rows, values = split.histories.rows[events], split.histories.values[events]
    counts = np.bincount(rows, minlength=len(catalogue)).astype(float)
    given = ~np.isnan(values)
    rated = np.bincount(rows[given], minlength=len(catalogue)).astype(float)
    mean = values[given].mean() if given.any() else 0.0
    sums = np.bincount(rows[given], weights=values[given], minlength=len(catalogue))
    years = np.full(len(catalogue), np.nan)
    if "year" in catalogue.attributes:
        years = catalogue.items["year"].cast(float, strict=False).fill_null(np.nan).to_numpy()
    return {
        "popular": (np.log1p(counts), counts / (counts + TRUSTED)),
        "acclaimed": ((sums + TRUSTED * mean) / (rated + TRUSTED), rated / (rated + TRUSTED)),
        "recent": (np.nan_to_num(years), np.where(np.isnan(years), 0.0, counts / (counts + TRUSTED))),
    }


def _fitted(keys: Floats, measured: Floats, weights: Floats) -> Floats:
    """(trained,) ridge regression on keys and a constant."""
    shares = weights / weights.sum()
    spread = np.sqrt(shares @ (measured - shares @ measured) ** 2)
    centred, target = keys - shares @ keys, (measured - shares @ measured) / max(spread, 1e-12)
    found: Floats = np.linalg.solve(
        centred.T @ (centred * weights[:, None]) + RIDGE * np.eye(keys.shape[1]), centred.T @ (weights * target)
    )
    return found


def _correlation(keys: Floats, measured: Floats, weights: Floats) -> float:
    """Between what is predicted and what was measured, weighted, each fold of the items predicted from the others."""
    predicted, fold = np.zeros(len(keys)), np.arange(len(keys)) % FOLDS
    for one in range(FOLDS):
        others = np.where(fold == one, 0.0, weights)
        predicted[fold == one] = (keys @ _fitted(keys, measured, others))[fold == one]
    covered = np.cov(predicted, measured, aweights=weights)
    return float(covered[0, 1] / max(np.sqrt(covered[0, 0] * covered[1, 1]), 1e-12))
