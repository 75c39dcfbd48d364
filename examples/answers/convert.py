"""From the Stack Exchange data dump to the three files that answers.toml and measure.py name.

    python convert.py [POSTS] [FOLDER]

POSTS is the Posts.xml of one site's dump, or a table of the same posts (post_id, kind, parent_id, accepted_answer_id,
created, author_id, title, body); without it $PROMPTREC_DATA/qa/posts.csv.gz. The files are written to FOLDER, by
default `data` beside this file.
"""

from __future__ import annotations

import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import polars as pl

KINDS = {"1": "question", "2": "answer"}
COLUMNS = ("post_id", "kind", "parent_id", "accepted_answer_id", "created", "author_id", "title", "body")


def posts(path: Path) -> pl.DataFrame:
    """The questions and answers, one a row, all columns as text."""
    if path.suffix != ".xml":
        return pl.read_csv(path, infer_schema=False).select(COLUMNS)
    rows = []
    for _, row in ElementTree.iterparse(path):
        if row.tag == "row" and row.get("PostTypeId") in KINDS:
            names = ("Id", "PostTypeId", "ParentId", "AcceptedAnswerId", "CreationDate", "OwnerUserId", "Title", "Body")
            values = dict(zip(COLUMNS, map(row.get, names), strict=True))
            rows.append(values | {"kind": KINDS[row.get("PostTypeId", "")], "body": plain(row.get("Body", ""))})
        row.clear()
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))


def plain(html: str) -> str:
    """The words of a post without its markup."""
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_data = found.append  # type: ignore[method-assign]
    parser.feed(html)
    parser.close()
    return " ".join(" ".join(found).split())


def tables(found: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """answers: the items. questions: the requests. events: who asked what, who answered, whose answer was accepted.

    The dump does not say when an answer was accepted; it counts from when it was written.
    """
    questions, answers = found.filter(kind="question"), found.filter(kind="answer")
    asked = questions.select(
        user="author_id", answer_id=pl.lit(None, pl.String), time="created", kind=pl.lit("ask"), query="title"
    )
    wrote = answers.select(
        user="author_id", answer_id="post_id", time="created", kind=pl.lit("answer"), query=pl.lit(None, pl.String)
    )
    accepted = questions.join(answers, left_on="accepted_answer_id", right_on="post_id", suffix="_of_answer").select(
        user="author_id",
        answer_id="accepted_answer_id",
        time="created_of_answer",
        kind=pl.lit("accept"),
        query=pl.lit(None, pl.String),
    )
    return {
        "answers": answers.select(answer_id="post_id", question_id="parent_id", author="author_id", text="body"),
        "questions": questions.select(
            question_id="post_id",
            accepted="accepted_answer_id",
            author="author_id",
            time="created",
            title="title",
            text="body",
        ),
        "events": pl.concat([asked, wrote, accepted]).sort("time", maintain_order=True),
    }


def main(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables(posts(source)).items():
        frame.write_csv(folder / f"{name}.csv")
        print(f"{name}.csv: {len(frame):,}")


if __name__ == "__main__":
    given = sys.argv[1:]
    if not given and "PROMPTREC_DATA" not in os.environ:
        sys.exit(
            "no data: set PROMPTREC_DATA to a folder with qa/posts.csv.gz, or get a site's dump (for example "
            "quantumcomputing.stackexchange.com.7z of https://archive.org/details/stackexchange), unpack it and run "
            "`python convert.py Posts.xml`"
        )
    source = Path(given[0]) if given else Path(os.environ["PROMPTREC_DATA"]) / "qa/posts.csv.gz"
    main(source, Path(given[1]) if given[1:] else Path(__file__).parent / "data")
