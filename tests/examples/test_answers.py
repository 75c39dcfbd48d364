from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

README = Path(__file__).parents[2] / "examples/answers/README.md"
POSTS = """<?xml version="1.0" encoding="utf-8"?>
<posts>
  <row Id="1" PostTypeId="1" AcceptedAnswerId="3" CreationDate="2018-03-12T17:00:45.567" Score="5" OwnerUserId="7"
       Body="&lt;p&gt;What is a &lt;b&gt;qubit&lt;/b&gt;?&lt;/p&gt;&#xA;&lt;p&gt;Is $a &amp;lt; b$?&lt;/p&gt;"
       Title="Qubits &amp; bits" Tags="&lt;qubit&gt;" />
  <row Id="2" PostTypeId="2" ParentId="1" CreationDate="2018-03-12T18:00:00.000" OwnerUserId="8" Body="A bit." />
  <row Id="3" PostTypeId="2" ParentId="1" CreationDate="2018-03-12T17:30:00.000" OwnerUserId="9" Body="A state." />
  <row Id="4" PostTypeId="5" CreationDate="2018-03-12T17:40:00.000" OwnerUserId="-1" Body="What a tag means." />
  <row Id="5" PostTypeId="1" CreationDate="2018-03-12T19:00:00.000" Body="?" Title="Nobody knows" />
</posts>
"""


def test_the_converter_reads_the_stack_exchange_dump(run: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "Posts.xml").write_text(POSTS, encoding="utf-8")

    run("python examples/answers/convert.py Posts.xml out")

    answers, questions, events = (
        pl.read_csv(tmp_path / f"out/{name}.csv", infer_schema=False) for name in ("answers", "questions", "events")
    )
    assert answers.rows() == [("2", "1", "8", "A bit."), ("3", "1", "9", "A state.")]
    assert questions.rows() == [
        ("1", "3", "7", "2018-03-12T17:00:45.567", "Qubits & bits", "What is a qubit ? Is $a < b$?"),
        ("5", None, None, "2018-03-12T19:00:00.000", "Nobody knows", "?"),
    ]
    assert events.select("user", "answer_id", "kind", "query").rows() == [
        ("7", None, "ask", "Qubits & bits"),
        ("9", "3", "answer", None),
        ("7", "3", "accept", None),
        ("8", "2", "answer", None),
        (None, None, "ask", "Nobody knows"),
    ]


def test_without_data_the_converter_says_what_to_get(
    run: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMPTREC_DATA", raising=False)

    with pytest.raises(AssertionError, match=r"archive\.org/details/stackexchange"):
        run("python examples/answers/convert.py")


def test_the_readme_runs_on_a_cut(
    run: Callable[[str], str], published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = pl.read_csv(published / "qa/posts.csv.gz", infer_schema=False)
    asked = posts.filter(pl.col("accepted_answer_id").is_not_null())["post_id"].head(40)
    cut = posts.filter(pl.col("post_id").is_in(asked.implode()) | pl.col("parent_id").is_in(asked.implode()))
    cut = cut.with_columns(pl.col("body").str.slice(0, 400))
    (tmp_path / "cut/qa").mkdir(parents=True)
    cut.write_csv(tmp_path / "cut/qa/posts.csv.gz", compression="gzip")
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path / "cut"))
    commands = [line[2:] for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("$ ")]

    printed = {command: run(f"{command} 2" if "measure.py" in command else command) for command in commands}

    found = next(text for command, text in printed.items() if command.startswith("promptrec recommend"))
    assert "fits your request" in found
    rows = next(text for command, text in printed.items() if "measure.py" in command).splitlines()
    assert rows[0].startswith("40 questions")
    mrr = {row[:34].strip(): float(row[34:39]) for row in rows[2:]}
    assert mrr["BM25, untuned"] > mrr["promptrec, meaning alone"]
    with_words = next(value for name, value in mrr.items() if name.startswith("promptrec, --lexical"))
    assert with_words == pytest.approx(mrr["BM25, untuned"], abs=0.15)
    assert "both, and who answered" in mrr
