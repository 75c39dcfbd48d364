"""What every way of tuning must do; a method inherits these tests with its name and the backbone that it tunes for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from promptrec.backbone.sequence import fingerprint
from promptrec.data.scenario import match
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.tune.score import ndcg_per_example
from promptrec.tune.tune import tune

EVEN_FILMS = "rating = 5"


class PromptTunerContract:
    method: str | None = None
    text: str | None = None

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, with_room: Recommender) -> Recommender:
        """A recommender on the small world, where people give the even films five stars."""
        return with_room

    @pytest.fixture(scope="class")
    @classmethod
    def before(cls, subject: Recommender) -> tuple[str, str]:
        return fingerprint(subject.backbone.network), fingerprint(subject.requests.network)

    @pytest.fixture(scope="class")
    @classmethod
    def tuned(cls, subject: Recommender, before: tuple[str, str]) -> Prompt:
        assert all(before), "taken before anything is tuned"
        return cls.tune(subject, "contract")

    @classmethod
    def tune(cls, subject: Recommender, name: str) -> Prompt:
        return tune(subject, f"{name}-{cls.__name__.lower()}", EVEN_FILMS, cls.text, seed=0, method=cls.method)

    def test_it_learns_the_scenario_for_people_it_never_saw(self, subject: Recommender, tuned: Prompt) -> None:
        split = subject.split
        people = np.concatenate([split.validation, split.test])
        asked = split.matching(people, match(subject.dataset, EVEN_FILMS))
        without, steered = (ndcg_per_example(subject.backbone, asked, p).mean() for p in (None, tuned))
        assert steered > without + 0.02

    def test_the_model_is_bit_identical(self, subject: Recommender, before: tuple[str, str], tuned: Prompt) -> None:
        assert (fingerprint(subject.backbone.network), fingerprint(subject.requests.network)) == before
        assert tuned.backbone == subject.backbone.fingerprint
        assert all(parameter.grad is None for parameter in subject.backbone.network.parameters())

    def test_the_saved_prompt_does_what_the_tuned_one_does(self, subject: Recommender, tuned: Prompt) -> None:
        history, _ = subject.catalogue.history(["C0", "C1"])
        prompts = (tuned, subject.library.load(tuned.name), None)
        one, other, plain = (subject.backbone.score([Query(history=history, prompt=p)]) for p in prompts)
        assert np.array_equal(one, other)
        assert not np.allclose(one, plain)

    def test_a_seed_gives_the_same_prompt_again(self, subject: Recommender, tuned: Prompt) -> None:
        again = self.tune(subject, "contract")
        assert again.tensors.keys() == tuned.tensors.keys()
        assert all(torch.equal(again.tensors[name], tensor) for name, tensor in tuned.tensors.items())
        assert again.version == tuned.version + 1

    def test_its_tensors_have_the_shapes_that_the_backbone_takes(self, subject: Recommender, tuned: Prompt) -> None:
        shape = subject.backbone.prompt_shape
        taken = {"shift": (shape.shift,), "gate": (shape.gate,), "prefix": (shape.layers, 2, shape.tokens, shape.width)}
        for name, tensor in tuned.tensors.items():
            assert tuple(tensor.shape) == taken[name]
            assert tensor.isfinite().all()

    @pytest.mark.parametrize(("scenario", "says"), [("rating = 9", "match"), ("rating ==== 5", "rating ==== 5")])
    def test_what_cannot_be_tuned_is_refused_and_leaves_nothing(
        self, subject: Recommender, scenario: str, says: str
    ) -> None:
        with pytest.raises(PromptrecError, match=says):
            tune(subject, "refused", scenario, method=self.method)
        assert "refused" not in subject.library.names()
