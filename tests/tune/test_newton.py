from __future__ import annotations

import numpy as np
import torch

from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.tune.newton import WORTH, Problem, fit_shift, minimum
from promptrec.tune.start import Tunable, start_of
from promptrec.tune.task import Task, task_of

FIVE_STARS = "rating = 5"


def loss_at(problem: Problem, shift: torch.Tensor) -> torch.Tensor:
    """Cross-entropy as PyTorch has it, summed over the examples."""
    logits = problem.scale * (problem.plain + shift) @ problem.keys.T
    return torch.nn.functional.cross_entropy(logits, problem.targets, reduction="sum")


def examples(recommender: Recommender, limit: int | None = None) -> Task:
    return task_of(recommender, FIVE_STARS, None, limit, 0)


def test_the_expansion_is_what_automatic_differentiation_finds(recommender: Recommender) -> None:
    candidates = np.unique(examples(recommender).training.targets)
    problem = Problem(recommender.backbone, examples(recommender).training, candidates)
    shift = 0.1 * torch.randn(problem.keys.shape[1], generator=torch.Generator().manual_seed(0))
    found = problem.expansion(shift)
    leaf = shift.clone().requires_grad_()
    assert torch.allclose(found.gradient, torch.autograd.grad(loss_at(problem, leaf), leaf)[0], rtol=1e-3, atol=1e-2)
    along = torch.randn(problem.keys.shape[1], generator=torch.Generator().manual_seed(1))
    product = torch.autograd.functional.hvp(lambda at: loss_at(problem, at), shift, along)[1]
    assert torch.allclose(found.curvature @ along, product, rtol=1e-3, atol=1e-3 * float(product.abs().max()))


def test_under_a_prior_the_minimum_lies_between_the_start_and_what_the_examples_say(recommender: Recommender) -> None:
    problem = Problem(recommender.backbone, examples(recommender).training, None)
    width = problem.keys.shape[1]
    begin, everywhere = torch.zeros(width), torch.eye(width)
    around = problem.expansion(begin)
    lengths = [float(minimum(around, begin, begin, everywhere, s).norm()) for s in (1e9, 1e4, 1e3, 1e2)]
    assert lengths[0] < 1e-3
    assert lengths == sorted(lengths)
    shift = begin
    for _ in range(6):
        shift = minimum(problem.expansion(shift), shift, begin, everywhere, 100.0)
    slope = problem.expansion(shift).gradient + 100.0 * shift
    assert float(slope.norm()) < 1e-3 * float(around.gradient.norm())


def test_it_moves_only_along_the_directions_it_is_given(recommender: Recommender) -> None:
    task = examples(recommender)
    along = torch.randn(2, recommender.backbone.prompt_shape.shift, generator=torch.Generator().manual_seed(0))
    tunable = Tunable(recommender.backbone, start_of(recommender, "two", None, (), None), "directions", 0, along)
    problem = Problem(recommender.backbone, task.training, None)
    begin = torch.zeros(along.shape[1])
    shift = minimum(problem.expansion(begin), begin, begin, tunable.along, 1.0)
    rest = shift - torch.linalg.lstsq(along.T, shift[:, None]).solution[:, 0] @ along
    assert float(shift.norm()) > 0
    assert float(rest.norm()) < 1e-3 * float(shift.norm())


def test_no_shift_is_worse_on_those_who_choose_than_silence_and_the_same_seed_gives_the_same(
    recommender: Recommender,
) -> None:
    task = examples(recommender, 16)
    found, again = (
        fit_shift(
            recommender.backbone,
            Tunable(recommender.backbone, start_of(recommender, "few", None, (), None), "shift", 0),
            task.training,
            task.validation,
            0,
        )
        for _ in range(2)
    )
    scores = [point["validation"] for point in found.curve]
    assert [point.get("worth") for point in found.curve[: len(WORTH) + 1]] == [None, *WORTH]
    assert max(scores) >= scores[0]
    assert found.curve == again.curve
    history, _ = recommender.catalogue.history(["C0", "C1"])
    one, other = (recommender.backbone.score([Query(history=history, prompt=p.prompt)]) for p in (found, again))
    assert np.array_equal(one, other)


def test_a_budget_that_is_spent_leaves_the_start(recommender: Recommender) -> None:
    task, start = examples(recommender), start_of(recommender, "late", "war", (), None)
    found = fit_shift(
        recommender.backbone,
        Tunable(recommender.backbone, start, "shift", 0),
        task.training,
        task.validation,
        0,
        seconds=0.0,
    )
    assert len(found.curve) == 2  # silence and the start
    shift = found.prompt.tensors["shift"]
    assert not shift.any() or torch.equal(shift, start.prompt.tensors["shift"])
