"""RecBole's SASRec with cross-entropy on the bench's split files, run by an interpreter that has it:
recbole_peer.py FOLDER OUT JSON.

FOLDER has train.csv, validation.csv and test.csv (user, item, position), of which RecBole's own leave-one-out makes the
same split again. The JSON has its `arguments`, `cap` seconds and `patience` epochs. OUT.json gets what was measured,
OUT.csv the ten best of every person of the test with the validation item in the history, seen items out.
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
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed


def main(folder: Path, out: Path, options: dict) -> None:
    parts = {name: pd.read_csv(folder / f"{name}.csv", dtype=str) for name in ("train", "validation", "test")}
    events = pd.concat(list(parts.values()))
    data = out.parent / "recbole" / "split"
    data.mkdir(parents=True, exist_ok=True)
    events.columns = ["user_id:token", "item_id:token", "timestamp:float"]
    events.to_csv(data / "split.inter", sep="\t", index=False)
    sys.argv = sys.argv[:1]  # RecBole reads the command line itself
    config = Config(
        model="SASRec",
        dataset="split",
        config_dict={
            "data_path": str(data.parent),
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
            "train_neg_sample_args": None,
            "loss_type": "CE",
            "epochs": 1,
            "eval_batch_size": 512,
            "show_progress": False,
            "state": "ERROR",
            "checkpoint_dir": str(data.parent),
            **options["arguments"],
        },
    )
    init_seed(config["seed"], config["reproducibility"])
    started, processor = time.monotonic(), time.process_time()
    dataset = create_dataset(config)
    train_data, valid_data, test_data = data_preparation(config, dataset)
    model = get_model(config["model"])(config, train_data.dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    spent, cpu = time.monotonic() - started, time.process_time() - processor

    def predict(loader: object) -> pd.DataFrame:
        model.eval()
        rows = []
        for interaction, *_ in loader:
            with torch.no_grad():
                scores = model.full_sort_predict(interaction.to(config["device"])).cpu()
            scores[:, 0] = -torch.inf
            users = dataset.id2token("user_id", interaction["user_id"])
            for row, user in enumerate(users):
                scores[row, seen[user]] = -torch.inf
            top = scores.topk(10, dim=1).indices.numpy()
            items = dataset.id2token("item_id", top)
            rows += [
                (user, item, n + 1) for user, line in zip(users, items, strict=True) for n, item in enumerate(line)
            ]
        return pd.DataFrame(rows, columns=["user", "item", "rank"])

    def known(*names: str) -> dict:
        frame = pd.concat([parts[name] for name in names])
        frame = frame.assign(row=[dataset.token2id("item_id", item) for item in frame["item"]])
        return {user: torch.tensor(own.to_numpy()) for user, own in frame.groupby("user")["row"]}

    before_validation, before_test = known("train"), known("train", "validation")
    best, best_epoch, curve, lists, epoch = -1.0, 0, [], None, 0
    while True:
        started, processor = time.monotonic(), time.process_time()
        loss = trainer._train_epoch(train_data, epoch, show_progress=False)
        spent, cpu = spent + time.monotonic() - started, cpu + time.process_time() - processor
        seen = before_validation
        ranked = predict(valid_data).merge(parts["validation"], on=["user", "item"])
        found = float((1 / np.log2(ranked["rank"] + 1)).sum() / len(parts["validation"]))
        curve.append({"epoch": epoch, "loss": loss, "seconds": round(spent, 2), "validation_ndcg@10": found})
        print(curve[-1], flush=True)
        if found > best:
            best, best_epoch, seen = found, epoch, before_test
            started = time.monotonic()
            lists = predict(test_data)
            all_seconds = time.monotonic() - started
        epoch += 1
        if spent >= options["cap"] or epoch - 1 - best_epoch >= options["patience"]:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    one, times = next(iter(test_data))[0][:1].to(config["device"]), []
    for _ in range(20):
        started = time.monotonic()
        with torch.no_grad():
            model.full_sort_predict(one).topk(10)
        times.append(time.monotonic() - started)
    lists.to_csv(out.with_suffix(".csv"), index=False)
    measured = {
        "validation_ndcg@10": best,
        "best_epoch": best_epoch,
        "curve": curve,
        "seconds": spent,
        "cpu_seconds": cpu,
        "peak_gib": peak,
        "predict_all_seconds": all_seconds,
        "predict_one_seconds": float(np.median(times)),
        "threads": torch.get_num_threads(),
    }
    out.with_suffix(".json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
