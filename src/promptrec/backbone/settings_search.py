"""`train --search N`: the best of N settings on validation, proposed by Optuna."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from promptrec.backbone.checkpoint import Checkpoint
from promptrec.backbone.interface import Backbone
from promptrec.backbone.settings import Settings, Train
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.progress import say
from promptrec.seeding import generator
from promptrec.workspace import SCHEMA_VERSION, read_json, write_json

WIDTHS = (32, 64, 128)
NEGATIVES = (256, 1_024, 4_096)


def search_settings(
    train: Train,
    own: Settings,
    trials: int,
    split: Split,
    catalogue: Catalogue,
    vectors: Vectors,
    seed: int,
    checkpoint: Checkpoint,
    others: Others | None = None,
) -> tuple[Backbone, dict[str, Any]]:
    """The best on validation of the backbone's own settings and `trials` - 1 others that Optuna's TPE proposes.

    Finished trials are kept beside the checkpoint until it is removed, so a search resumes after a kill: TPE proposes
    the same again for the same seed. Raises PromptrecError where Optuna is missing.
    """
    optuna = _optuna()
    kept = _Kept(checkpoint)
    best: tuple[float, Settings, tuple[Backbone, dict[str, Any]] | None] = (-1.0, own, None)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=int(generator(seed, "search").integers(2**31)))
    )
    for number in range(trials):
        trial = None if number == 0 else study.ask()
        settings = own if trial is None else _suggested(trial, own)
        found = kept.value(settings)
        trained = None
        if found is None:
            trained = train(split, catalogue, vectors, seed, settings, checkpoint.of(trial=number), others)
            found = float(trained[1]["validation_ndcg@10"])
            kept.add(settings, found)
        say(f"search {number + 1} of {trials}: {_described(settings)}: validation NDCG@10 {found:.4f}")
        if trial is not None:
            study.tell(trial, found)
        if found > best[0]:
            best = found, settings, trained
    backbone, facts = best[2] or train(split, catalogue, vectors, seed, best[1], checkpoint.of(trial="best"), others)
    return backbone, {**facts, "searched": kept.trials}


def _suggested(trial: Any, own: Settings) -> Settings:
    sizes = {
        "width": trial.suggest_categorical("width", WIDTHS),
        "dropout": round(trial.suggest_float("dropout", 0.1, 0.6), 3),
    }
    return replace(
        own,
        learning_rate=float(f"{trial.suggest_float('learning_rate', 3e-4, 1e-2, log=True):.3g}"),
        negatives=trial.suggest_categorical("negatives", NEGATIVES),
        network={**own.network, **sizes},
    )


def _described(settings: Settings) -> str:
    sizes = "".join(f", {name} {value}" for name, value in settings.network.items())
    return f"learning rate {settings.learning_rate}, {settings.negatives} negatives{sizes}"


class _Kept:
    """The finished trials of one search, in a file beside the checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.file = search_file(checkpoint.file)
        self.belongs = checkpoint.key()
        self.trials: list[dict[str, Any]] = []
        if self.file.exists():
            document = read_json(self.file, "search")
            if document["belongs"] == self.belongs:
                self.trials = document["trials"]

    def value(self, settings: Settings) -> float | None:
        own = _as_json(settings)
        return next((trial["validation_ndcg@10"] for trial in self.trials if trial["settings"] == own), None)

    def add(self, settings: Settings, found: float) -> None:
        self.trials.append({"settings": _as_json(settings), "validation_ndcg@10": found})
        write_json(self.file, {"schema_version": SCHEMA_VERSION, "belongs": self.belongs, "trials": self.trials})


def search_file(checkpoint: Path) -> Path:
    return checkpoint.with_name("search.json")


def _as_json(settings: Settings) -> Any:
    return json.loads(json.dumps(asdict(settings)))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise PromptrecError("--search: needs Optuna; pip install 'promptrec[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
