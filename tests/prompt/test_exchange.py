from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.prompt.exchange import export_prompts, import_prompts
from promptrec.prompt.library import PromptLibrary
from promptrec.prompt.prompt import Prompt, mix

BACKBONE = "f" * 64


def prompt(name: str, start: float) -> Prompt:
    return Prompt(
        name, "soft", name, BACKBONE, {"shift": torch.arange(start, start + 4), "prefix": torch.zeros(1, 2, 1, 2)}
    )


@pytest.fixture
def library(tmp_path: Path) -> PromptLibrary:
    library = PromptLibrary(tmp_path / "one")
    parts = [(library.save(prompt("a", 0.0)), 0.7), (library.save(prompt("b", 5.0)), 0.3)]
    library.save(mix(parts, "both"))
    return library


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_mix_travels_with_its_parts(library: PromptLibrary, tmp_path: Path, as_folder: bool) -> None:
    file = tmp_path / "out" / "prompts.zip"
    assert export_prompts(library, ["both"], file) == ["a/1", "b/1", "both/1"]
    if as_folder:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(tmp_path / "folder")
        file = tmp_path / "folder"
    other = PromptLibrary(tmp_path / "two")
    other.save(prompt("a", 100.0))  # a name that is there keeps its version; the imported one is the next
    assert {(p.name, p.version) for p in import_prompts(other, file, BACKBONE)} == {("a", 2), ("b", 1), ("both", 1)}
    flat = other.load("both").flat()
    assert [(p.name, p.version, round(weight, 6)) for p, weight in flat] == [("a", 2, 0.7), ("b", 1, 0.3)]
    assert torch.equal(flat[0][0].tensors["shift"], torch.arange(4.0))


def damaged(library: PromptLibrary, tmp_path: Path, what: str) -> Path:
    folder = tmp_path / what
    shutil.copytree(library.folder, folder)
    tensors, card = folder / "a" / "1" / "prompt.safetensors", folder / "a" / "1" / "card.json"
    if what == "tensor":
        save_file({"shift": torch.arange(4.0)}, tensors)
    elif what == "values":
        save_file({"shift": torch.ones(4), "prefix": torch.zeros(1, 2, 1, 2)}, tensors)
    elif what == "words":
        card.write_text(json.dumps({**json.loads(card.read_text()), "words": "other words"}))
    elif what == "part":
        shutil.rmtree(folder / "a")
    elif what == "file":
        tensors.unlink()
    elif what == "name":
        shutil.move(folder / "b", folder / "c")
        shutil.rmtree(folder / "both")
    return folder


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("tensor", r"tensor 'prefix' of shape \[1, 2, 1, 2\] is expected, found none"),
        ("values", r"prompt\.safetensors: it was changed"),
        ("words", r"card\.json: it was changed"),
        ("part", "'both' needs 'a' version 1"),
        ("file", r"a/1/prompt\.safetensors: the prompt cannot be read"),
        ("name", "its card is of 'b'"),
    ],
)
def test_what_was_damaged_is_refused_by_name(library: PromptLibrary, tmp_path: Path, what: str, says: str) -> None:
    other = PromptLibrary(tmp_path / "other")
    with pytest.raises(PromptrecError, match=says):
        import_prompts(other, damaged(library, tmp_path, what), BACKBONE)
    assert other.names() == []


def test_another_backbone_and_files_that_are_none_are_refused(library: PromptLibrary, tmp_path: Path) -> None:
    other = PromptLibrary(tmp_path / "other")
    with pytest.raises(PromptrecError, match="'a' was made for backbone ffffffffffff, this workspace has eeeeeeeeeeee"):
        import_prompts(other, library.folder, "e" * 64)
    (tmp_path / "text.zip").write_text("no zip")
    for source, says in ((tmp_path / "text.zip", "cannot be read"), (tmp_path / "gone", "cannot be read")):
        with pytest.raises(PromptrecError, match=says):
            import_prompts(other, source, BACKBONE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PromptrecError, match="no prompts"):
        import_prompts(other, tmp_path / "empty", BACKBONE)
    with pytest.raises(NotFoundError, match="'none'"):
        export_prompts(library, ["none"], tmp_path / "x.zip")


def test_a_change_on_disk_is_seen_when_loading(library: PromptLibrary) -> None:
    card = library.folder / "a" / "1" / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "kind": "text"}))
    with pytest.raises(PromptrecError, match="it was changed"):
        library.load("both")


def test_a_part_must_be_saved_and_stays_while_it_is_used(library: PromptLibrary) -> None:
    with pytest.raises(NotFoundError, match="'stray'"):
        library.save(mix([(replace(prompt("stray", 0.0), version=1), 1.0)], "loose"))
    with pytest.raises(PromptrecError, match="'a' is a part of both"):
        library.delete("a")
    library.delete("both")
    library.delete("a")
    assert library.names() == ["b"]
