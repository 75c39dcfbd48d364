"""RecTools on the bench's split files, run by an interpreter that has it: rectools_peer.py FOLDER OUT JSON.

FOLDER has train.csv, validation.csv and test.csv (user, item, position). The JSON names the `model` (sasrec, ease,
ials), its `arguments`, `cap` seconds and `patience` epochs. OUT.json gets what was measured, OUT.csv the ten best of
every person of the test with the validation item in the history.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from implicit.als import AlternatingLeastSquares
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import EASEModel, ImplicitALSWrapperModel
from rectools.models.nn.transformers.sasrec import SASRecModel


def read(folder: Path, *parts: str) -> pd.DataFrame:
    frame = pd.concat([pd.read_csv(folder / f"{part}.csv", dtype={"user": str, "item": str}) for part in parts])
    frame.columns = [Columns.User, Columns.Item, "position"]
    frame[Columns.Weight] = 1.0
    frame[Columns.Datetime] = pd.Timestamp("2000-01-01") + pd.to_timedelta(frame["position"], unit="s")
    return frame.drop(columns="position")


def ndcg(lists: pd.DataFrame, answers: pd.DataFrame) -> float:
    found = lists.merge(answers[[Columns.User, Columns.Item]], on=[Columns.User, Columns.Item])
    return float((1 / np.log2(found[Columns.Rank] + 1)).sum() / len(answers))


def main(folder: Path, out: Path, options: dict) -> None:
    train, validation, test = read(folder, "train"), read(folder, "validation"), read(folder, "test")
    # One numbering for both, which the linear models need; an item that nobody has in training is known to no peer.
    heard_of = validation[validation[Columns.Item].isin(train[Columns.Item])]
    known, with_validation = Dataset.construct(train), Dataset.construct(pd.concat([train, heard_of]))
    users, tested = validation[Columns.User].unique(), test[Columns.User].unique()
    best, best_epoch, curve, lists = -1.0, 0, [], None
    spent, cpu = 0.0, 0.0

    def predict(people: np.ndarray, dataset: Dataset) -> pd.DataFrame:
        return model.recommend(people, dataset, k=10, filter_viewed=True, on_unsupported_targets="ignore")

    if options["model"] == "sasrec":
        model = SASRecModel(**options["arguments"], epochs=1, verbose=0)
    elif options["model"] == "ease":
        model = EASEModel(**options["arguments"])
    else:
        model = ImplicitALSWrapperModel(AlternatingLeastSquares(**options["arguments"], random_state=0))
    epoch = 0
    while True:
        started, processor = time.monotonic(), time.process_time()
        if options["model"] == "sasrec":
            model.fit_partial(known, min_epochs=1, max_epochs=1)
        else:
            model.fit(known)
        spent, cpu = spent + time.monotonic() - started, cpu + time.process_time() - processor
        found = ndcg(predict(users, known), validation)
        curve.append({"epoch": epoch, "seconds": round(spent, 2), "validation_ndcg@10": found})
        print(curve[-1], flush=True)
        if found > best:
            best, best_epoch = found, epoch
            started = time.monotonic()
            lists = predict(tested, with_validation)
            all_seconds = time.monotonic() - started
        epoch += 1
        if options["model"] != "sasrec" or spent >= options["cap"] or epoch - 1 - best_epoch >= options["patience"]:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    person = train[train[Columns.User].isin(train[Columns.User].value_counts()[lambda n: n >= 20].index)]
    one = person[person[Columns.User] == person[Columns.User].iloc[0]].head(20).assign(**{Columns.User: "somebody"})
    stranger, times = Dataset.construct(pd.concat([train, one])), []
    for _ in range(20):
        if options["model"] != "sasrec":
            break  # the linear ones know nobody whom they were not fitted on
        started = time.monotonic()
        model.recommend(np.array(["somebody"]), stranger, k=10, filter_viewed=True)
        times.append(time.monotonic() - started)
    lists[[Columns.User, Columns.Item, Columns.Rank]].to_csv(out.with_suffix(".csv"), index=False)
    measured = {
        "validation_ndcg@10": best,
        "best_epoch": best_epoch,
        "curve": curve,
        "seconds": spent,
        "cpu_seconds": cpu,
        "peak_gib": peak,
        "predict_all_seconds": all_seconds,
        "predict_one_seconds": float(np.median(times)) if times else None,
        "threads": torch.get_num_threads(),
    }
    out.with_suffix(".json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
