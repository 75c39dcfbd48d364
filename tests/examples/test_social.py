from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[2]


def test_the_converter_reads_hetrec(run: Callable[[str], str], tmp_path: Path) -> None:
    hetrec = tmp_path / "hetrec2011-lastfm-2k"
    hetrec.mkdir()
    (hetrec / "user_artists.dat").write_text("userID\tartistID\tweight\r\n2\t51\t13883\r\n2\t52\t11690\r\n")
    (hetrec / "user_friends.dat").write_text("userID\tfriendID\r\n2\t275\r\n275\t2\r\n")
    (hetrec / "artists.dat").write_text(
        'id\tname\turl\tpictureURL\r\n51\t"Weird Al" Yankovic\thttp://a\thttp://b\r\n52\tSigur Rós\thttp://c\t\r\n',
        encoding="utf-8",
    )

    run("python examples/social/convert.py hetrec2011-lastfm-2k data")

    read = {name: pl.read_csv(tmp_path / f"data/lastfm/{name}.csv.gz") for name in ("plays", "friends", "artists")}
    assert read["plays"].rows(named=True)[0] == {"user_id": 2, "item_id": 51, "plays": 13883}
    assert read["friends"].rows(named=True)[1] == {"user_id": 275, "friend_id": 2}
    assert read["artists"].rows() == [(51, '"Weird Al" Yankovic'), (52, "Sigur Rós")]
    assert read["artists"].columns == ["item_id", "name"]


def test_ease_by_people_is_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples/social")
    from listening import PeopleEase
    from scipy import sparse

    cells = np.random.default_rng(0).random((6, 9)) * (np.random.default_rng(1).random((6, 9)) < 0.5)
    inverse = np.linalg.inv(cells.T @ cells + 2.0 * np.eye(9))
    weights = np.eye(9) - inverse / np.diag(inverse)
    training = sparse.csr_matrix(cells.astype(np.float32))

    assert PeopleEase.fit(training, 2.0).score(training) == pytest.approx(cells @ weights, abs=1e-4)


def test_the_readme_runs_on_a_cut(
    follow: Callable[[str], dict[str, str]], published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {name: pl.read_csv(published / f"lastfm/{name}.csv.gz") for name in ("plays", "friends", "artists")}
    people = tables["plays"]["user_id"].unique(maintain_order=True).head(150)
    plays = tables["plays"].filter(pl.col("user_id").is_in(people.implode()))
    plays = plays.filter(pl.len().over("item_id") >= 3)
    cut = {
        "plays": plays,
        "friends": tables["friends"].filter(pl.col("user_id").is_in(people.implode())),
        "artists": tables["artists"].filter(pl.col("item_id").is_in(plays["item_id"].implode())),
    }
    (tmp_path / "cut/lastfm").mkdir(parents=True)
    for name, frame in cut.items():
        frame.write_csv(tmp_path / f"cut/lastfm/{name}.csv.gz", compression="gzip")
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path / "cut"))

    printed = follow("social/README.md")

    rows = next(text for command, text in printed.items() if "measure.py" in command).splitlines()
    models = {row[:28].strip(): float(row[28:33]) for row in rows[1 : rows.index("")]}
    assert {"popularity", "item kNN", "item kNN, log plays", "promptrec, sequence"} <= set(models)
    assert models["popularity"] < models["item kNN, log plays"]
    known = [row.split()[0] for row in rows[rows.index("") + 2 :]]
    assert known == ["0", "1", "3", "5", "10"]
