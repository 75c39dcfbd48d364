"""Every kind of prompt fits into 20 KB on the widest network and catalogue that `train` makes."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from contracts.world import EACH, KINDS, small_world
from promptrec.backbone.content_space import DIRECTIONS, FACETS
from promptrec.backbone.settings import Settings
from promptrec.prompt.folder import MOST_BYTES
from promptrec.recommender import Recommender
from promptrec.training import train
from promptrec.tune.profile import tune_profile
from promptrec.tune.tune import tune
from promptrec.workspace import Workspace

WIDTH = 128


@pytest.fixture(scope="module", params=[1, 2])
def wide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    """A network as large data gets it, or two, over items with as many attribute words as a place has room for."""
    workspace = Workspace(tmp_path_factory.mktemp("wide"))
    world = small_world()
    tags = [[f"tag{n}" for n in range(FACETS) if (item + n) % 3] for item in range(EACH * len(KINDS))]
    users = pl.DataFrame({"id": [f"p{n}" for n in range(90)], "town": [f"town{n % 40}" for n in range(90)]})
    replace(world, items=world.items.with_columns(tags=pl.Series(tags)), users=users).save(workspace.dataset)
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(1e-3, 1_024, epochs=1, network={"width": WIDTH})
        patch.setattr("promptrec.backbone.training.suited", lambda _: settings)
        recommender = train(workspace, seed=0, members=request.param)
    assert recommender.backbone.prompt_shape.shift == request.param * WIDTH + DIRECTIONS + FACETS
    return recommender


def test_a_soft_prompt_with_a_prefix_fits(wide: Recommender) -> None:
    prompt = tune(wide, "stars", "rating = 5", items=[f"C{n}" for n in range(8)], limit=20)
    assert prompt.tensors["prefix"][0, 0].numel() == 8 * WIDTH
    assert 2 * 2 * 8 * WIDTH * 4 < wide.library.card("stars", 1)["bytes"] <= MOST_BYTES


def test_a_profile_prompt_fits(wide: Recommender) -> None:
    tune_profile(wide, "newcomers", below=5)
    assert MOST_BYTES - 3_000 < wide.library.card("newcomers", 1)["bytes"] <= MOST_BYTES
