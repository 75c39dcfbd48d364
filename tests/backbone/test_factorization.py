"""What is particular to the `factorization` backbone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.backbone import BackboneContract
from contracts.world import KINDS, permuted_world, query, rows_of
from promptrec.backbone import request
from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.factorization.backbone import FactorizationBackbone
from promptrec.backbone.factorization.codes import hamming, sign_codes
from promptrec.backbone.factorization.features import item_features
from promptrec.backbone.factorization.network import FORMS, FactorizationConfig, FactorizationNetwork
from promptrec.backbone.factorization.training import started, train_factorization
from promptrec.backbone.start import Start, share_out, start_factors
from promptrec.backbone.wishes import attribute_words, nothing_asked, word_wishes
from promptrec.data.interactions import training_matrix
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.training import train, training_examples
from promptrec.workspace import Workspace


class TestFactorization(BackboneContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, factorized: Recommender) -> Recommender:
        return factorized


class TestTower(BackboneContract):
    """The deep form; requests are learnt anew, on its own frozen queries."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, factorized: Recommender) -> Recommender:
        one = factorized
        backbone, _ = train_factorization(one.split, one.catalogue, one.vectors, 0, form="tower")
        encoder, labels = one.requests.text_encoder, one.dataset.manifest["labels"]
        wishes = word_wishes(attribute_words(one.catalogue, labels), "train")
        sentences = encoder.encode([wish.text for wish in wishes])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(request, "STEPS", 200)
            examples = training_examples(one.split)
            nothing = encoder.encode(nothing_asked())
            requests = request.fit_request_encoder(backbone, encoder, wishes, sentences, nothing, examples, 0)
        return Recommender(one.dataset, backbone, requests, one.library, one.vectors, lambda: one.split)


@pytest.mark.parametrize("start", ["svd", "als"])
def test_before_any_gradient_the_factors_rank_the_right_kind_first(start: Start) -> None:
    world = permuted_world(np.arange(45))
    training = training_matrix(world.split, 45)
    factors = start_factors(training, 8, start, 0)
    for kind in KINDS:
        rows = rows_of(world.catalogue, kind)
        scores = factors[rows[2:5]].sum(axis=0) @ factors.T
        scores[rows[2:5]] = -np.inf
        assert set(np.argsort(-scores)[:3]) <= set(rows)


def test_a_tower_begins_where_the_factors_are() -> None:
    world = permuted_world(np.arange(45))
    features = item_features(ContentSpace.fit(world.catalogue, world.vectors), world.catalogue, world.vectors)
    rows = torch.tensor([[3, 4, 45], [45, 45, 45]])
    found = []
    for form in FORMS:
        network, _ = started(world.split, features, 0, form, "svd")
        found.append(network.eval()(network.item_vectors(features)[1], rows))
    torch.testing.assert_close(*found)


def test_refining_improves_on_the_start_and_repeats_for_a_seed() -> None:
    world = permuted_world(np.arange(45))
    (first, facts), (second, _) = (
        train_factorization(world.split, world.catalogue, world.vectors, 0) for _ in range(2)
    )
    assert first.fingerprint == second.fingerprint
    curve = [point["validation_ndcg@10"] for point in facts["curve"]]
    assert curve[0] + 0.02 < max(curve) == facts["validation_ndcg@10"]


def test_what_features_explain_and_the_rest_add_up_and_a_new_item_has_no_rest() -> None:
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(30, 4)).astype(np.float32))
    factors = (features.numpy() @ rng.normal(size=(4, 3)) + 0.1 * rng.normal(size=(30, 3))).astype(np.float32)
    counts = np.ones(30, np.float32)
    counts[7] = 0
    weights, rest = share_out(factors, features, counts)
    whole = features.numpy() @ weights + rest
    assert np.allclose(np.delete(whole, 7, axis=0), np.delete(factors, 7, axis=0), atol=1e-5)
    assert not rest[7].any()
    assert np.abs(whole[7] - factors[7]).max() < 0.5, "the features alone come close"


def test_older_events_weigh_what_was_learnt() -> None:
    network = FactorizationNetwork(FactorizationConfig(items=3, feature_width=1, form="dot", width=2, length=2)).eval()
    with torch.no_grad():
        network.age[:] = torch.tensor([0.0, 1.0])
    given = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [9, 9, 9, 9]])
    expected = torch.nn.functional.normalize(torch.tensor([torch.e, 1.0]), dim=0)
    torch.testing.assert_close(network(given, torch.tensor([[0, 1]]), last_only=True)[0, 0], expected)
    every = network(given, torch.tensor([[0, 1]]))[0]
    torch.testing.assert_close(every, torch.stack([torch.tensor([1.0, 0.0]), expected]))
    padded = network(given, torch.tensor([[3, 1]]), last_only=True)[0, 0]
    torch.testing.assert_close(padded, torch.tensor([0.0, 1.0]))


def test_a_gate_multiplies_what_was_learnt_and_a_shift_is_added(factorized: Recommender) -> None:
    backbone = factorized.backbone
    history = query(backbone.catalogue, "C0", "C1").history
    plain = backbone.queries([history], {})[0]
    gate, shift = torch.rand(backbone.prompt_shape.gate), torch.rand(backbone.prompt_shape.shift)
    steered = backbone.queries([history], {"gate": gate[None], "shift": shift[None]})[0]
    width = len(gate)
    torch.testing.assert_close(steered[:width], plain[:width] * (1 + gate) + shift[:width])
    torch.testing.assert_close(steered[width:], shift[width:])


def test_sign_codes_by_hand() -> None:
    codes = sign_codes(torch.tensor([[1.0, -1, 2, 0, -3, 1, 1, 1, 5], [-1.0, 1, -2, 1, 3, -1, -1, -1, -5]]))
    assert codes.tolist() == [[0b10100111, 0b10000000], [0b01011000, 0]]
    assert hamming(codes, codes).tolist() == [[0, 9], [9, 0]]


def test_the_nearest_codes_are_of_the_right_kind(factorized: Recommender) -> None:
    backbone = factorized.backbone
    assert isinstance(backbone, FactorizationBackbone)
    queries = [query(backbone.catalogue, *(f"{kind[0]}{n}" for n in (2, 3, 4))) for kind in KINDS]
    assert backbone.item_codes().shape == (45, 32)
    for kind, distances in zip(KINDS, hamming(backbone.query_codes(queries), backbone.item_codes()), strict=True):
        assert set(np.argsort(distances, kind="stable")[:3]) <= set(rows_of(backbone.catalogue, kind))
    np.testing.assert_array_equal(backbone.item_codes(np.array([3, 1])), backbone.item_codes()[[3, 1]])


def test_an_unknown_kind_of_backbone_is_named(trained: Path) -> None:
    with pytest.raises(PromptrecError, match="expected one of sequence, factorization, language, found 'magic'"):
        train(Workspace(trained), kind="magic")
