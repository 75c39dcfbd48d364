from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.prompt.library import PromptLibrary
from promptrec.prompt.prompt import Prompt, mix
from promptrec.recommender import Recommender

PROMPT = Prompt("winter", "soft", "warm things", "f" * 64, {"shift": torch.arange(4.0)})


def test_versions_count_up_and_activation_chooses_one(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path)
    assert [library.save(PROMPT).version, library.save(PROMPT).version] == [1, 2]
    assert library.active("winter") == 2
    library.activate("winter", 1)
    assert library.load("winter").version == 1
    assert torch.equal(library.load("winter").tensors["shift"], PROMPT.tensors["shift"])
    library.delete("winter")
    with pytest.raises(NotFoundError, match="none yet"):
        library.load("winter")


def test_a_prompt_over_20_kb_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path)
    with pytest.raises(PromptrecError, match="at most 20,480"):
        library.save(replace(PROMPT, tensors={"shift": torch.zeros(6_000)}))
    assert not list((tmp_path / "winter").iterdir())


def test_a_corrupt_prompt_is_named(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path)
    library.save(PROMPT)
    (tmp_path / "winter" / "1" / "prompt.safetensors").write_bytes(b"nothing")
    with pytest.raises(PromptrecError, match=r"prompt\.safetensors"):
        library.load("winter")


def test_a_prompt_of_another_backbone_is_refused(recommender: Recommender) -> None:
    recommender.library.save(replace(PROMPT, name="foreign"))
    with pytest.raises(PromptrecError, match="tune it again"):
        recommender.recommend(["C0"], prompt="foreign")


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0]])
def test_a_mix_without_sense_is_refused(weights: list[float]) -> None:
    with pytest.raises(PromptrecError, match="weights"):
        mix([(PROMPT, weight) for weight in weights])
