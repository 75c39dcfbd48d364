from __future__ import annotations

from typing import Any

import pytest

from promptrec.data.history import History
from promptrec.errors import PromptrecError
from promptrec.rank.seen import seen_rows

DAY = 86_400.0
HISTORY = History.of([(4, 0.0, "view"), (5, 9 * DAY, "view"), (6, float("nan"), "view"), (4, 9.5 * DAY, "view")])


@pytest.mark.parametrize(
    ("seen", "rows"), [("exclude", [4, 5, 6, 4]), ("include", []), (2, [5, 6, 4]), (0.6, [6, 4]), (99, [4, 5, 6, 4])]
)
def test_what_must_not_come_again(seen: Any, rows: list[int]) -> None:
    assert seen_rows(HISTORY, seen, now=10 * DAY).tolist() == rows


@pytest.mark.parametrize("seen", ["never", 0, -1, float("nan"), True, None])
def test_anything_else_is_refused(seen: Any) -> None:
    with pytest.raises(PromptrecError, match="seen: expected exclude, include or a number of days"):
        seen_rows(HISTORY, seen, now=0)
