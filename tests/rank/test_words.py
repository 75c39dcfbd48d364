from __future__ import annotations

import pytest

from promptrec.rank.words import pieces


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("a light comedy for the weekend", ["light", "comedy", "weekend"]),
        ("轻松的喜剧，适合周末看", ["轻松", "喜剧", "周末"]),
        ("适合零基础的人工智能入门课", ["零基础", "人工智能入门课"]),
        ("请给我推荐 Star Wars", ["Star", "Wars"]),
        ("不要动画片，想看紧张的犯罪片", ["不要动画片", "紧张", "犯罪片"]),
        ("我不想看太吵的，别有鬼", ["不想看太吵", "别有鬼"]),
        ("", []),
        ("?! the", []),
        (" ".join(f"word{n}" for n in range(20)), [f"word{n}" for n in range(8)]),
        ("a comedy with a touch of romance", ["comedy", "romance"]),
        ("喜剧，略带爱情", ["喜剧", "略带爱情"]),
    ],
)
def test_pieces(request_: str, words: list[str]) -> None:
    assert [request_[start:end] for start, end in pieces(request_)] == words
