"""Writes reference_values.json: what ranx and RecTools make of the same lists. Each needs an environment of its own
(RecTools wants numpy<2; numba, which ranx brings, changes what bm25s runs), so the tests read the file instead.

    pip install ranx==0.3.21 && NUMBA_DISABLE_JIT=1 python reference_values.py ranx
    pip install rectools==0.19.0 "numpy<2" && python reference_values.py rectools
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_suffix(".json")
ITEMS, QUESTIONS, PEOPLE = 50, 40, 30


def questions() -> dict[str, Any]:
    """Per question all items in a model's order and those that are relevant; who has which item in training."""
    rng = np.random.default_rng(0)
    ranked = [rng.permutation(ITEMS).tolist() for _ in range(QUESTIONS)]
    counts = [1] * (QUESTIONS // 2) + rng.integers(2, 15, QUESTIONS - QUESTIONS // 2).tolist()
    relevant = [sorted(rng.choice(ITEMS, count, replace=False).tolist()) for count in counts]
    owned = [sorted(rng.choice(ITEMS, int(rng.integers(1, 20)), replace=False).tolist()) for _ in range(PEOPLE)]
    vectors = rng.normal(size=(ITEMS, 4)).round(3).tolist()
    return {"ranked": ranked, "relevant": relevant, "owned": owned, "vectors": vectors}


def ranx(asked: dict[str, Any]) -> dict[str, list[float]]:
    from ranx import Qrels, Run, evaluate

    qrels = {f"q{i:02}": {f"d{row}": 1 for row in rows} for i, rows in enumerate(asked["relevant"])}
    run = {f"q{i:02}": {f"d{row}": -float(n) for n, row in enumerate(rows)} for i, rows in enumerate(asked["ranked"])}
    names = {"ndcg@10": "ndcg@10", "hr@10": "hit_rate@10", "recall@10": "recall@10", "precision@10": "precision@10"}
    names |= {"map@10": "map@10", "mrr": "mrr"}
    found = evaluate(Qrels(qrels), Run(run), list(names.values()), return_mean=False)
    return {name: [float(value) for value in found[theirs]] for name, theirs in names.items()}


def rectools(asked: dict[str, Any]) -> dict[str, list[float]]:
    import pandas as pd
    from rectools.metrics import (
        MAP,
        NDCG,
        CatalogCoverage,
        HitRate,
        IntraListDiversity,
        MeanInvUserFreq,
        Precision,
        Recall,
    )
    from rectools.metrics.distances import PairwiseDistanceCalculator

    class Cosine(PairwiseDistanceCalculator):
        def _get_distances_for_item_pairs(self, first: Any, second: Any) -> Any:
            vectors = np.array(asked["vectors"])
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            return 1 - (unit[np.asarray(first, int)] * unit[np.asarray(second, int)]).sum(axis=1)

    def frame(lists: list[list[int]]) -> Any:
        rows = [(user, item, place) for user, own in enumerate(lists) for place, item in enumerate(own, start=1)]
        return pd.DataFrame(rows, columns=["user_id", "item_id", "rank"])

    listed, wanted, owned = frame(asked["ranked"]), frame(asked["relevant"]), frame(asked["owned"])
    by_answers = {"ndcg@10": NDCG(10, divide_by_achievable=True), "hr@10": HitRate(10), "recall@10": Recall(10)}
    by_answers |= {"precision@10": Precision(10), "map@10": MAP(10)}
    found = {name: metric.calc_per_user(listed, wanted) for name, metric in by_answers.items()}
    found["novelty@10"] = MeanInvUserFreq(10).calc_per_user(listed, owned)
    found["diversity@10"] = IntraListDiversity(10, distance_calculator=Cosine()).calc_per_user(listed)
    values = {name: [float(value) for value in series.sort_index()] for name, series in found.items()}
    first_two = listed[listed["user_id"] < 2]
    values["coverage@10"] = [float(CatalogCoverage(10, normalize=True).calc(first_two, list(range(ITEMS))))]
    return values


if __name__ == "__main__":
    (package,) = sys.argv[1:]
    written = json.loads(FILE.read_text()) if FILE.exists() else {"questions": questions(), "values": {}}
    values = {"ranx": ranx, "rectools": rectools}[package](written["questions"])
    written["values"][package] = {"version": version(package), **values}
    FILE.write_text(json.dumps(written) + "\n")
