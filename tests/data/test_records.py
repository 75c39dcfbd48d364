from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptrec.data import blocks
from promptrec.data.records import OPEN_QUOTE, find_records
from promptrec.data.separated import SeparatedFile

FIELD = st.text(st.sampled_from('ab,"\n\r é\t'), max_size=6)
ROWS = st.lists(st.lists(FIELD, min_size=2, max_size=2), min_size=1, max_size=20)


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, block=st.integers(1, 40), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_what_the_csv_module_writes_is_read_whatever_the_size_of_a_block(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], block: int, quoting: int
) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=quoting, lineterminator="\r\n").writerows([["x", "y"], *rows])  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    path.write_bytes(out.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        found = list(SeparatedFile(path).blocks())
    read = [tuple(value or "" for value in row) for part in found for row in part.frame.rows()]
    assert read == [tuple(row) for row in rows]
    assert [n for part in found for n in part.records] == list(range(1, len(rows) + 1))
    assert not any(part.broken for part in found)
    raws = [raw for part in found for raw in part.raw(range(len(part.records)))]
    again = [next(csv.reader(io.StringIO(raw, newline=""))) for raw in raws]
    assert again == rows


def test_only_the_line_of_a_broken_quote_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text('x,y\n1,"open\n2,5" pipe\n3,"a"b\n\n4,"fine, ""really""\nyes"\n5\n6,7,8\n7,"end')
    (block,) = SeparatedFile(path).blocks()
    assert block.frame.rows() == [("2", '5" pipe'), ("4", 'fine, "really"\nyes')]
    assert block.records.tolist() == [2, 5]
    assert block.broken == [
        (1, '1,"open', OPEN_QUOTE),
        (3, '3,"a"b', OPEN_QUOTE),
        (6, "5", "1 field where the header has 2"),
        (7, "6,7,8", "3 fields where the header has 2"),
        (8, '7,"end', OPEN_QUOTE),
    ]


def test_records_that_are_not_whole_wait_for_the_next_block() -> None:
    found = find_records(b'a,"b\n', ",", quotes=True, last=False)
    assert found.used == 0
    assert find_records(b"a,b\nc", ",", quotes=True, last=False).used == 4
    assert find_records(b'a,b" c"\nd,"e', ",", quotes=True, last=False).used == 8


def test_a_file_that_ends_without_a_line_break_and_one_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes('\ufeffx,y\r\n1,"a\r\nb"\r\n\r\n2,c'.encode())
    (block,) = SeparatedFile(path).blocks()
    assert block.frame.rows() == [("1", "a\r\nb"), ("2", "c")]
    assert block.raw([1, 0]) == ["2,c", '1,"a\r\nb"']
