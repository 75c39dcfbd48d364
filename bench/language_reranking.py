"""What a decoder adds that orders the first fifty of a trained `sequence` backbone anew: the films, people and split of
`language_trained.py`, fewer questions.

The decoder's share is chosen on validation, for histories of one to three events and for longer ones apart; its vectors
are tuned on events of training people, and kept in bench/work/language/reranking. Lists without the film that came are
not read: no order helps them.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file

from language_trained import FEW, helped, recommenders
from language_world import WORK, interval, ratio_interval
from promptrec.backbone.language.decoder import Decoder
from promptrec.data.examples import Examples
from promptrec.evaluate.significance import paired_difference
from promptrec.models.registry import fetch
from promptrec.rank.reranker import DecoderReranker, Floats, starting_vectors
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.lists import Lists
from promptrec.tune.reranker import descend
from promptrec.tune.task import task_of
from promptrec.workspace import write_json

CHOOSING, ASKED, ASKED_COLD = 100, 150, 300
EXAMPLES = 2_000
SECONDS = 900.0

Answers = list[Floats | None]


def reranking() -> dict[str, Any]:
    sequence, _ = recommenders(seed=0)
    decoder = Decoder(fetch("smollm2-135m"))
    split = sequence.split
    few, few_test = split.cold_people(split.validation, FEW), split.cold_people(split.test, FEW)
    choosing = {
        "warm": lists(sequence, split.asked("validation"), CHOOSING),
        "1 to 3 events": lists(sequence, few, CHOOSING),
    }
    cold = drawn(split.cold_items(), ASKED_COLD)
    known_few = cold.positions <= max(FEW)
    asked = {
        "warm": lists(sequence, split.asked("test"), ASKED),
        "1 to 3 events": lists(sequence, few_test, ASKED),
        "cold items": Lists.of(sequence, cold),
    }
    start = DecoderReranker(decoder, sequence.catalogue, starting_vectors(decoder), 0.0)
    tuned, about = tuned_for(sequence, start)
    rows, gains = [about], {kind: {"sequence": own.ndcg(unread(own), 0.0)} for kind, own in asked.items()}
    for way, reranker in (("untuned", start), ("tuned", tuned)):
        shares = {kind: own.best_share(own.answers(reranker)) for kind, own in choosing.items()}
        for kind, own in asked.items():
            began = time.process_time()
            answers = own.answers(reranker)
            spent = time.process_time() - began
            if kind == "cold items":  # a new film is asked for by anybody, so that the history decides
                each = [own.ndcg(answers, shares[name]) for name in ("1 to 3 events", "warm")]
                gains[kind][way] = np.where(known_few, *each)
            else:
                gains[kind][way] = own.ndcg(answers, shares[kind])
            read = sum(one is not None for one in answers)
            rows.append(
                {"part": "reranking", "questions": kind, "way": way, "share": shares.get(kind), "asked": len(own),
                 "on_the_list": read, "ms_per_list": 1_000 * spent / read, **interval(gains[kind][way]),
                 "lead": paired_difference(gains[kind][way], gains[kind]["sequence"], 0),
                 "decoder_alone": interval(own.ndcg(answers, 1.0))}
            )  # fmt: skip
    rows += [
        {
            "part": "reranking",
            "questions": kind,
            "way": "sequence",
            "asked": len(asked[kind]),
            **interval(own["sequence"]),
        }
        for kind, own in gains.items()
    ]
    leads = {kind: paired_difference(own["tuned"], own["sequence"], 0) for kind, own in gains.items()}
    ratio = ratio_interval(gains["cold items"]["tuned"], gains["cold items"]["sequence"])
    text = "sequence reranked by a tuned decoder against sequence alone on cold items, times"
    return {"rows": rows, "goals": [helped("helps-trained-reranking", text, "NDCG@10 reranked", leads, ratio)]}


def tuned_for(sequence: Recommender, start: DecoderReranker) -> tuple[DecoderReranker, dict[str, Any]]:
    """The reranker tuned on events of training people, and how that went."""
    folder = WORK / "reranking"
    if not (folder / "about.json").exists():
        task = task_of(sequence, "rating > 0", None, EXAMPLES, 0)
        training, validation = Lists.of(sequence, task.training), lists(sequence, task.validation, CHOOSING)
        began = time.process_time()
        found = descend(start, training, validation, "bench", 0, SECONDS)
        spent = time.process_time() - began
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"input": found.vectors}, folder / "vectors.safetensors")
        about = {"part": "reranking", "questions": "tuning", "processor_seconds": spent, "curve": found.curve}
        write_json(folder / "about.json", about)
    vectors = load_file(folder / "vectors.safetensors")["input"]
    tuned = DecoderReranker(start.decoder, sequence.catalogue, vectors, 0.0)
    return tuned, json.loads((folder / "about.json").read_text(encoding="utf-8"))


def unread(own: Lists) -> Answers:
    """Answers that say nothing, for the lists that hold the film that came."""
    return [
        np.zeros(len(rows), np.float32) if target in rows else None
        for (rows, _), target in zip(own.found, own.targets, strict=True)
    ]


def lists(sequence: Recommender, examples: Examples, most: int) -> Lists:
    return Lists.of(sequence, drawn(examples, most))


def drawn(examples: Examples, most: int) -> Examples:
    return examples.take(np.sort(generator(0, "bench reranking").permutation(len(examples))[:most]))
