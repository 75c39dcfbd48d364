from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

README = Path(__file__).parents[2] / "examples/courses/README.md"


def test_the_readme_runs_on_a_cut(
    follow: Callable[..., dict[str, str]], published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = published / "mooc", tmp_path / "data" / "mooc"
    folder.mkdir(parents=True)
    events, items = (pl.read_csv(source / f"{name}.csv.gz") for name in ("events", "items"))
    named = set(re.findall(r"C_course-[^\s,]+", README.read_text(encoding="utf-8")))
    about = pl.col("description").str.contains("编程|人工智能|历史|管理")
    kept = items.filter(pl.col("item_id").is_in(list(named)) | about).head(150)["item_id"]
    events = events.filter(pl.col("item_id").is_in(kept.implode()))
    events = events.filter(pl.len().over("user_id") >= 4)
    people = events["user_id"].unique(maintain_order=True).head(300)
    events.filter(pl.col("user_id").is_in(people.implode())).write_csv(folder / "events.csv.gz", compression="gzip")
    items.filter(pl.col("item_id").is_in(kept.implode())).write_csv(folder / "items.csv.gz", compression="gzip")
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path / "data"))

    printed = follow("courses/README.md", budget="5s")

    plain, asked = (text for command, text in printed.items() if command.startswith("promptrec recommend"))
    assert plain != asked
    assert "人工智能" in asked
    steps = next(text for command, text in printed.items() if "path.py" in command).splitlines()
    assert [step.split(".")[0] for step in steps] == ["1", "2", "3", "4"]
    assert len(set(steps)) == 4
    scores = next(text for command, text in printed.items() if command.startswith("promptrec evaluate"))
    assert "sequence" in scores
    assert "ease" in scores
    for verb in ("tune", "transfer", "improve"):
        made = next(text for command, text in printed.items() if command.startswith(f"promptrec {verb} "))
        assert "test people: NDCG@10" in made


def test_the_converter_reads_mooccube(run: Callable[[str], str], tmp_path: Path) -> None:
    for folder in ("relations", "entities"):
        (tmp_path / "MOOCCube" / folder).mkdir(parents=True)
    (tmp_path / "MOOCCube/relations/user-course.json").write_text(
        "U_2\tC_b\nU_2\tC_a\nU_1\tC_a\nU_2\tC_c\nU_2\tC_a\nU_3\tC_c\nU_3\tC_b\nU_3\tC_a\n", encoding="utf-8"
    )
    courses = [
        {"id": "C_a", "name": "微积分", "prerequisites": "", "about": "极限,\n与导数", "core_id": "C_a"},
        {"id": "C_b", "name": "线性代数", "prerequisites": "微积分", "about": "矩阵", "core_id": "C_b"},
        {"id": "C_c", "name": "概率", "prerequisites": "", "about": "随机变量", "core_id": "C_c"},
    ]
    lines = "".join(json.dumps(course, ensure_ascii=False) + "\n" for course in courses)
    (tmp_path / "MOOCCube/entities/course.json").write_text(lines, encoding="utf-8")

    run("python examples/courses/convert.py MOOCCube data")

    events, items = (pl.read_csv(tmp_path / f"data/mooc/{name}.csv.gz") for name in ("events", "items"))
    assert events.rows() == [
        ("U_2", "C_b", 0), ("U_2", "C_a", 1), ("U_2", "C_c", 2),
        ("U_3", "C_c", 0), ("U_3", "C_b", 1), ("U_3", "C_a", 2),
    ]  # fmt: skip
    assert items.rows() == [("C_a", "极限,\n与导数"), ("C_b", "矩阵"), ("C_c", "随机变量")]
    assert events.columns == ["user_id", "item_id", "position"]
    assert items.columns == ["item_id", "description"]
