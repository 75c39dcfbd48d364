from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from promptrec.mapped import let_go, read_mapped

TENSORS = {
    "vectors": np.arange(6, dtype=np.float32).reshape(2, 3),
    "hashes": np.arange(4, dtype=np.uint8).reshape(2, 2),
    "scale": np.array(0.5, dtype=np.float32),
    "steps": np.array([7], dtype=np.int64),
}


def test_a_file_is_what_was_saved_and_stays_so(tmp_path: Path) -> None:
    file = tmp_path / "some.safetensors"
    save_file(TENSORS, file, {"about": "numbers"})
    before, found = file.read_bytes(), read_mapped(file)
    assert {*found} == {*TENSORS}
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype
    found["vectors"][0, 0] = 9
    assert file.read_bytes() == before


def test_what_was_let_go_comes_back(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "some.safetensors")
    found = read_mapped(tmp_path / "some.safetensors")
    let_go([*found.values(), np.zeros(3)])
    np.testing.assert_array_equal(found["vectors"], TENSORS["vectors"])


@pytest.mark.parametrize("broken", [b"", b"broken", b"\x02\0\0\0\0\0\0\0[]", b"\x02\0\0\0\0\0\0\0{"])
def test_another_file_is_refused(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "some.safetensors").write_bytes(broken)
    with pytest.raises(ValueError, match=r"."):
        read_mapped(tmp_path / "some.safetensors")


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.safetensors"
    save_file(TENSORS, file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        read_mapped(file)
