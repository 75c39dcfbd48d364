"""`make bench-modalities`: what titles, overviews and posters are worth, into bench/results/modalities.json.

    python bench/modalities.py [PART ...]

MovieLens-100K with the posters and overviews of PROMPTREC_DATA/ml100k-posters; 20% of the people and 10% of the films
kept out, the same for every arm. A part that was done (in bench/work/modalities) is not done again.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from marked import write_between
from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.kinds import load_backbone
from promptrec.backbone.like import LikeEncoder, fit_like_encoder, shares_of_top, shown_items
from promptrec.backbone.placement_fit import with_placement
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.backbone.training import suited, train_sequence
from promptrec.content.encoder import Vectors
from promptrec.content.encoders.efficientnet import EfficientNetLite
from promptrec.content.encoders.offline import OfflineTextEncoder
from promptrec.content.items import Others, encode_content
from promptrec.content.kinds import chosen
from promptrec.data.catalogue import Catalogue
from promptrec.data.cleaning import Cleaning
from promptrec.data.dataset import Dataset
from promptrec.data.files import take_files
from promptrec.data.sources import fetch
from promptrec.data.split import Split
from promptrec.evaluate import metrics
from promptrec.evaluate.protocol import rank
from promptrec.evaluate.significance import bootstrap_intervals, paired_difference
from promptrec.evaluate.yardstick import order_by_id
from promptrec.workspace import Workspace, write_json
from result import goal, goals_by_id, results, rows_by

WORK, RESULT = Path("bench/work/modalities"), Path("bench/results/modalities.json")
PAGE = Path("docs/modalities.md")
SEED, PEOPLE_OUT, ITEMS_OUT, EPOCHS = 0, 0.2, 0.1, 12
COLD_ASKED = 2_000
# What each arm reads: columns of the items that make its text, and whether it sees posters.
ARMS: dict[str, tuple[tuple[str, ...], bool]] = {
    "title": (("title", "year"), False),
    "title + overview + poster": (("title", "year", "description"), True),
    "poster": ((), True),
    "overview": (("description",), False),
    "title + overview": (("title", "year", "description"), False),
    "title + poster": (("title", "year"), True),
    "title, genres": (("title", "year", "genres"), False),
    "title, genres + overview + poster": (("title", "year", "genres", "description"), True),
}
TITLES = {"english": ("beauty", "title", 180.0), "chinese": ("mooc", "description", 360.0)}
MANY = 100_000


def world() -> tuple[Dataset, Path]:
    """MovieLens-100K with overviews as descriptions and posters as images, made once."""
    place = WORK / "dataset"
    if not (place / "manifest.json").exists():
        plain = fetch("movielens-100k", Workspace(WORK / "plain"))
        source = Path(os.environ["PROMPTREC_DATA"]) / "ml100k-posters"
        with zipfile.ZipFile(source / "posters.zip") as archive:
            archive.extractall(WORK / "posters")
        overviews = pl.read_csv(source / "overviews.csv.gz", schema_overrides={"item_id": pl.String})
        overviews = overviews.select(id="item_id", description="overview").unique("id", keep="first")
        items = plain.items.join(overviews, on="id", how="left", maintain_order="left")
        items = items.with_columns(image=pl.col("id") + ".jpg")
        place.mkdir(parents=True, exist_ok=True)
        items = take_files(items, WORK / "posters", place, Cleaning(WORK / "rejected.parquet"))
        Dataset(plain.events, items, None, plain.manifest).write_into(place)
    return Dataset.load(place), place


def content_of(dataset: Dataset, columns: tuple[str, ...], place: Path) -> tuple[Catalogue, Vectors, Others]:
    """The catalogue as if its items had no other columns; the vectors of its texts, zeros where an item has nothing in
    any of the columns; and those of titles and descriptions apart, where it has both."""
    encoder, catalogue = OfflineTextEncoder(), Catalogue(dataset.items.select("id", *columns))
    if not columns:
        return catalogue, np.zeros((len(catalogue), encoder.width), dtype=np.float32), {}
    content = encode_content(place, catalogue, {"text": "offline"}, encoder)
    vectors, lacks = content.text.copy(), pl.all_horizontal(pl.col(columns).is_null())
    vectors[catalogue.items.select(lacks).to_series().to_numpy()] = 0
    return catalogue, vectors, content.others


def arm(name: str) -> dict[str, Any]:
    """Train on what the arm reads, ask warm people for their last film, and everybody for films that are new. A network
    that is there already is not trained again; where new films stand is fitted anew."""
    dataset, place = world()
    columns, sees = ARMS[name]
    posters = encode_content(place, dataset.catalogue, chosen(), OfflineTextEncoder()).others["image"]
    split = Split.of(dataset.histories, SEED, PEOPLE_OUT, ITEMS_OUT)
    catalogue, text, apart = content_of(dataset, columns, place)
    others, folder = {**apart, **({"image": posters} if sees else {})}, WORK / slug(name)
    if not (folder / "config.json").exists():
        started = time.monotonic()
        settings = replace(suited(split), epochs=EPOCHS)
        trained, facts = train_sequence(split, catalogue, text, SEED, settings, others=others)
        facts["seconds"] = round(time.monotonic() - started, 1)
        folder.mkdir(exist_ok=True)
        trained.save(folder, {fact: facts[fact] for fact in ("seconds", "best_epoch", "validation_ndcg@10")})
    card = json.loads((folder / "config.json").read_text(encoding="utf-8"))["card"]
    frozen = load_backbone(folder, catalogue, text, others)
    assert isinstance(frozen, SequenceBackbone)
    backbone = with_placement(frozen, split, text, others)
    row: dict[str, Any] = {"arm": name, "seed": SEED, **card}
    assert backbone.placement is not None
    row["weights"] = {view: round(own.weight, 3) for view, own in backbone.placement.views.items()}
    cold = split.cold_items()
    cold = cold.take(np.unique(np.linspace(0, len(cold) - 1, COLD_ASKED).astype(int)))
    kept: dict[str, np.ndarray] = {}
    asked = {"warm": (split.asked("test"), None), "new": (cold, None), "among new": (cold, split.cold)}
    for question, (examples, candidates) in asked.items():
        order = order_by_id(dataset.catalogue.ids)
        ranks = rank(backbone, examples, candidates=candidates, tie_order=order).ranks
        values = {"ndcg@10": metrics.ndcg(ranks, 10), "recall@10": metrics.hit_rate(ranks, 10)}
        for metric, found in bootstrap_intervals(values, 0, people=examples.people).items():
            row[f"{question} {metric}"] = {end: round(value, 5) for end, value in found.items()}
        kept |= {f"{question} {metric}": own for metric, own in values.items()}
        kept[f"{question} people"] = examples.people
    np.savez(WORK / f"{slug(name)}.npz", **kept)
    return row


def image_request() -> dict[str, Any]:
    """Posters of films that the encoder of picture requests did not learn from, shown for people kept out.

    The frozen model is that of the titles: a picture steers a model that has not learnt from any as well.
    """
    dataset, place = world()
    posters = encode_content(place, dataset.catalogue, chosen(), OfflineTextEncoder()).others["image"]
    split = Split.of(dataset.histories, SEED, PEOPLE_OUT, ITEMS_OUT)
    _, text, _ = content_of(dataset, ARMS["title"][0], place)
    frozen = load_backbone(WORK / slug("title"), dataset.catalogue, text)
    assert isinstance(frozen, SequenceBackbone)
    space = ContentSpace.fit(dataset.catalogue, text, {"image": posters})
    backbone = SequenceBackbone(frozen.network, space, frozen.trained, dataset.catalogue, text, {"image": posters})
    fitted = fit_like_encoder("image", posters, backbone, split.asked("validation").apart(), EfficientNetLite, SEED)
    assert fitted is not None
    like, _ = fitted
    _, _, kept = shown_items(backbone.space.carried(dataset.catalogue), posters, SEED)
    people = split.cold_people(split.test, (5,))
    without, share = shares_of_top(like, posters, kept, people)
    _, strangers = shares_of_top(like, posters, kept, people, pictured=np.roll(kept, 1))
    usual = replace(like.facets, weights=like.facets.weights * 0)
    blind = LikeEncoder("image", usual, like.strength, backbone, EfficientNetLite)
    _, blindly = shares_of_top(blind, posters * 0, kept, people)
    row: dict[str, Any] = {"films": len(kept), "people": len(people), "strength": like.strength, "seed": SEED}
    values = {"without": without, "own poster": share, "another poster": strangers, "no poster": blindly}
    for name, found in bootstrap_intervals(values, 0).items():
        row[name] = {end: round(value, 4) for end, value in found.items()}
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(kept), size=len(kept)) for _ in range(1000)]
    times = [float(share[some].mean() / without[some].mean()) for some in drawn]
    row["times"] = {"value": float(share.mean() / without.mean())}
    row["times"] |= dict(zip(("low", "high"), np.percentile(times, [2.5, 97.5]).tolist(), strict=True))
    row["own poster against another"] = paired_difference(share, strangers, 0)
    return row


def encoding(language: str) -> dict[str, Any]:
    """The time that 100,000 distinct titles take, in the batches of the cache."""
    data, column, _ = TITLES[language]
    with gzip.open(Path(os.environ["PROMPTREC_DATA"]) / data / "items.csv.gz", "rt", encoding="utf-8") as file:
        texts = [row[column] for row in csv.DictReader(file) if row[column]]
    if language == "chinese":  # pieces of introductions as long as titles
        texts = [text[start : start + 20] for text in texts for start in range(0, len(text) - 20, 10)]
    texts = list(dict.fromkeys(texts))
    titles = [f"{texts[i % len(texts)]} {i // len(texts)}" for i in range(MANY)]
    encoder = OfflineTextEncoder()
    encoder.encode(titles[:256])
    started, processor = time.monotonic(), time.process_time()
    for start in range(0, MANY, 256):
        encoder.encode(titles[start : start + 256])
    row = {
        "titles": MANY,
        "language": language,
        "characters": round(float(np.mean([len(title) for title in titles])), 1),
    }
    row |= {"seconds": round(time.monotonic() - started, 1), "cpu_seconds": round(time.process_time() - processor, 1)}
    return row | {"load": round(os.getloadavg()[0], 1)}


def slug(name: str) -> str:
    return "-".join(name.replace("+", " ").replace(",", " ").split())


PARTS: dict[str, Any] = {
    **{slug(name): (lambda name=name: arm(name)) for name in ARMS},
    "image-request": image_request,
    **{f"encode-{language}": (lambda language=language: encoding(language)) for language in TITLES},
}


def main(parts: list[str]) -> None:
    """Do what is missing of `parts` and write the results of all that are done."""
    WORK.mkdir(parents=True, exist_ok=True)
    for part in parts or list(PARTS):
        file = WORK / f"{part}.json"
        if not file.exists():
            write_json(file, {"part": part, **PARTS[part]()})
            print(part, "done", flush=True)
    stated = goals_by_id(RESULT)
    done = {part: rows[0] for part, rows in rows_by("part", RESULT).items()}
    files = {part: WORK / f"{part}.json" for part in PARTS}
    done |= {part: json.loads(file.read_text(encoding="utf-8")) for part, file in files.items() if file.exists()}
    write_json(
        RESULT,
        results(
            "make bench-modalities",
            [SEED],
            [done[part] for part in PARTS if part in done],
            [one if one["value"] is not None else stated.get(one["id"], one) for one in goals(done)],
        ),
    )
    write_between(PAGE, "arms", table([done[slug(name)] for name in ARMS if slug(name) in done]))


def table(rows: list[dict[str, Any]]) -> str:
    """What each arm reads and its NDCG@10, as Markdown."""
    lines = ["| reads | warm people | new among all | new among new |", "|---|---|---|---|"]
    for row in rows:
        found = (row[f"{question} ndcg@10"] for question in ("warm", "new", "among new"))
        cells = [f"{one['value']:.4f} ({one['low']:.4f} to {one['high']:.4f})" for one in found]
        lines.append(f"| {row['arm']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def goals(done: dict[str, Any]) -> list[dict[str, Any]]:
    found = [cold_goal()]
    request = done.get("image-request")
    text = "share of the top ten that has a genre of the pictured film, times that without a picture"
    note = (
        ""
        if request is None
        else (
            f"{request['films']} films that the encoder did not learn from, {request['people']} people kept out; "
            f"{request['without']['value']:.3f} without, {request['own poster']['value']:.3f} with the film's poster, "
            f"{request['another poster']['value']:.3f} with another film's, "
            f"{request['no poster']['value']:.3f} by how usual genres are"
        )
    )
    found.append(goal("image-request", text, 2.0, None if request is None else request["times"], note))
    for language, (_, _, most) in TITLES.items():
        row = done.get(f"encode-{language}")
        text = "seconds for 100,000 titles"
        note = "" if row is None else f"{row['cpu_seconds']} s of processor time, load {row['load']}, two cores"
        found.append(goal(f"encode-100k-{language}", text, most, row and row["seconds"], note, at_most=True))
    return found


def cold_goal() -> dict[str, Any]:
    files = [WORK / f"{slug(name)}.npz" for name in ("title + overview + poster", "title")]
    text = "NDCG@10 on films kept out: title + overview + poster less title alone"
    if not all(file.exists() for file in files):
        return goal("images-cold", text, 0.0, None)
    after, before = (np.load(file) for file in files)
    notes = []
    for question in ("among new", "new"):
        difference = paired_difference(
            after[f"{question} ndcg@10"], before[f"{question} ndcg@10"], 0, people=after[f"{question} people"]
        )
        notes.append(f"{question}: {difference['value']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})")
    note = "; ".join(notes) + "; met where the interval is above 0"
    return goal("images-cold", text, 0.0, difference, note, also=difference["low"] > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
