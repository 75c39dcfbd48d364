from __future__ import annotations

import torch

from promptrec.backbone.dropout import Dropout


def test_a_share_is_left_out_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    dropped = Dropout(0.2)(torch.ones(1_001, 333))
    assert abs(float((dropped == 0).float().mean()) - 51 / 256) < 0.005
    assert abs(float(dropped.mean()) - 1) < 0.005
    assert dropped.unique().tolist() == [0, torch.tensor(256 / 205).item()]


def test_the_seed_decides_and_neighbours_do_not_hang_together() -> None:
    torch.manual_seed(1)
    first = Dropout(0.5)(torch.ones(64, 1_024)) > 0
    torch.manual_seed(1)
    assert torch.equal(first, Dropout(0.5)(torch.ones(64, 1_024)) > 0)
    both = float((first[:, :-1] & first[:, 1:]).float().mean())
    assert abs(both - 0.25) < 0.01


def test_nothing_is_left_out_of_use() -> None:
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
