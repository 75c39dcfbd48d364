from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from promptrec.backbone.sequence import SequenceBackbone
from promptrec.data.history import EMPTY, History
from promptrec.recommender import Recommender
from promptrec.serve.engine.packed import MOST_EVENTS, PackedSequence


@pytest.fixture(scope="module")
def backbone(trained_service: Path) -> SequenceBackbone:
    found = Recommender.load(trained_service).backbone
    assert isinstance(found, SequenceBackbone)
    return found


def histories(backbone: SequenceBackbone, lengths: list[int]) -> list[History]:
    rng = np.random.default_rng(0)
    found = []
    for n in lengths:
        times = np.sort(rng.random(n) * 1e7) if n % 2 else np.full(n, np.nan)
        found.append(History(rng.integers(len(backbone.catalogue), size=n), times, ("view",) * n) if n else EMPTY)
    return found


@torch.inference_mode()
def test_it_gives_what_the_backbone_gives(backbone: SequenceBackbone) -> None:
    shape, length = backbone.prompt_shape, backbone.network.config.length
    people = histories(backbone, [0, 1, 2, 3, 7, 30, length, length + 40, 0, 5, 12, 1, 40, 9, 0, 2])
    torch.manual_seed(0)
    shift = {"shift": torch.randn(shape.shift)}
    short = {"prefix": torch.randn(shape.layers, 2, 3, shape.width)}
    long = {"prefix": torch.randn(shape.layers, 2, shape.tokens, shape.width)}
    last = {"prefix": torch.randn(1, 2, 3, shape.width)}
    steered: list[dict[str, torch.Tensor]] = [{}, shift, short, {**long, **shift}, last]
    for tensors in ([{}] * len(people), [steered[i % 5] for i in range(len(people))]):
        right = backbone.encode(people, tensors)
        torch.testing.assert_close(PackedSequence(backbone).encode(people, tensors), right, rtol=1e-4, atol=1e-5)
    # The prompts do something, so that a prompt left out would show.
    assert (right[1] - backbone.encode(people, [{}] * len(people))[1]).abs().max() > 0.01


@torch.inference_mode()
def test_what_does_not_fit_at_once_is_given_in_its_order(backbone: SequenceBackbone) -> None:
    people = histories(backbone, [n % 30 for n in range(MOST_EVENTS // 5)])
    tensors: list[dict[str, torch.Tensor]] = [{}] * len(people)
    together = PackedSequence(backbone).encode(people, tensors)
    torch.testing.assert_close(together, backbone.encode(people, tensors), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_what_is_remembered_serves_other_prompts_too(
    backbone: SequenceBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, people = PackedSequence(backbone), histories(backbone, [0, 3, 8])
    shift = {"shift": torch.ones(backbone.prompt_shape.shift)}
    packed.encode(people, [{}] * 3)
    monkeypatch.setattr(packed, "_last", lambda *_: pytest.fail("a history was read again"))
    right = backbone.encode(people, [shift, {}, shift])
    torch.testing.assert_close(packed.encode(people, [shift, {}, shift]), right, rtol=1e-4, atol=1e-5)
