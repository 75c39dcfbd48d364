"""`train --backbone language`: no gradient, no events; the items are read once, what they have in common is fitted."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import version as installed

import numpy as np

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.backbone.language.bridge_fit import fit_bridge
from promptrec.backbone.language.items import ItemTexts
from promptrec.backbone.language.model import LanguageModel
from promptrec.backbone.language.projection import Projection
from promptrec.backbone.validation import some, validation_ndcg
from promptrec.content.items import encode_content
from promptrec.content.kinds import TEXT, chosen, load_text_encoder
from promptrec.data.dataset import Dataset
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.index.choice import index_of, measured
from promptrec.models.finding import find
from promptrec.rank.lexical import checked_share
from promptrec.recommender import Recommender
from promptrec.workspace import Workspace, new_backbone

MOST_VALIDATED = 500


def train_language(
    workspace: Workspace, model: str | None, people_out: float = 0.2, seed: int = 0, lexical: float = 0.0
) -> Recommender:
    """Make a language model, and a projection and a bridge between languages fitted on the catalogue, the current
    backbone.

    model: a packaged model, a folder, or a name at Hugging Face. Items that were read before are not read again.
    Raises PromptrecError where there is no dataset, no model is named, or it cannot be found or loaded.
    """
    started = time.monotonic()
    checked_share(lexical)
    if not model:
        raise PromptrecError("--model: the language backbone needs a model: minilm, multilingual-e5-small, a folder …")
    dataset = Dataset.load(workspace.dataset)
    split = Split.of(dataset.histories, seed, people_out)
    specs = chosen(())
    encoder = load_text_encoder(specs)
    vectors = encode_content(workspace.dataset, dataset.catalogue, specs, encoder, only=(TEXT,)).text
    language = LanguageModel(find(model, download=True))
    items = ItemTexts(language, workspace.backbones / f"items-{language.hash[:16]}.safetensors")
    projection = Projection.fit(items.vectors(dataset.catalogue.texts))
    space = ContentSpace.fit(dataset.catalogue, vectors)
    backbone = LanguageBackbone(language, model, projection, space, items, dataset.catalogue)
    bridge = fit_bridge(backbone, dataset.manifest.get("labels", {}), split, seed)
    if bridge is not None:
        backbone = LanguageBackbone(language, model, projection, space, items, dataset.catalogue, bridge)
    asked = some(split.asked("validation").apart(), seed)
    asked = asked.take(np.arange(0, len(asked), max(1, len(asked) // MOST_VALIDATED)))
    card = {
        "backbone": backbone.name,
        "model": model,
        "trained": datetime.now(UTC).isoformat(timespec="seconds"),
        "data_hash": dataset.hash,
        "split_hash": split.hash,
        "seed": seed,
        "people_out": people_out,
        "items_out": 0.0,
        "protocol": "leave-one-out",
        "lexical": lexical,
        "carried_over": None if bridge is None else "Chinese" if bridge.chinese else "English",
        "text_encoder": encoder.name,
        "encoders": {TEXT: specs[TEXT]},
        "validation_ndcg@10": validation_ndcg(backbone, asked) if len(asked) else None,
        "seconds": round(time.monotonic() - started, 1),
        "versions": {name: installed(name) for name in ("promptrec", "torch", "transformers")},
    }
    keys = backbone.encode_items().cpu().numpy()
    with new_backbone(workspace) as (version, folder):
        backbone.save(folder, card)
        measured(index_of(keys), keys[:64]).save(folder / "index.json")
        (folder / "README.md").write_text(model_card(version, dataset, card), encoding="utf-8")
    return Recommender.load(workspace.root)


def model_card(version: int, dataset: Dataset, card: dict[str, object]) -> str:
    found = card["validation_ndcg@10"]
    score = (
        "there are no events to measure it on" if found is None else f"validation NDCG@10 without a prompt: {found:.4f}"
    )
    carried = (
        f"Requests in {card['carried_over']} are carried over to the language of the items."
        if card["carried_over"]
        else "Requests are read as they are, in whatever language: there was nothing to fit a bridge between two on."
    )
    return f"""# language backbone, version {version}

{card["model"]} as it is, and a projection fitted {card["trained"]} on the {len(dataset.catalogue):,} items of
`{dataset.manifest.get("name", "dataset")}` (data hash `{str(card["data_hash"])[:16]}`); {card["seconds"]} s; {score}.
{carried}
The parameters are frozen: prompts steer the model, nothing changes it.
"""
