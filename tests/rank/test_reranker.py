"""The decoder reranker with SmolLM2's real weights, on the small world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from contracts.world import query, rows_of
from promptrec.backbone.language.decoder import Decoder
from promptrec.backbone.sequence import fingerprint
from promptrec.errors import PromptrecError
from promptrec.models import registry
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.rank.reranker import DecoderReranker, starting_vectors
from promptrec.recommender import Recommender
from promptrec.tune import reranker as tuning
from promptrec.tune.lists import Lists
from promptrec.tune.reranker import descend


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(registry.fetch("smollm2-135m"))


@pytest.fixture
def reranker(decoder: Decoder, recommender: Recommender) -> DecoderReranker:
    return DecoderReranker(decoder, recommender.catalogue, starting_vectors(decoder), 0.5)


@pytest.fixture
def saved(decoder: Decoder, recommender: Recommender) -> Prompt:
    card = {"decoder": decoder.fingerprint, "share": 1.0}
    own = recommender.backbone.fingerprint
    prompt = Prompt("second-look", "reranker", "", own, {"input": starting_vectors(decoder)})
    return recommender.library.save(replace(prompt, card=card, recipe={"reranker": "smollm2-135m"}))


def test_a_beginning_read_once_answers_as_whole_texts_do(reranker: DecoderReranker, recommender: Recommender) -> None:
    asked = Query(query(recommender.catalogue, "W0", "C3", "W1").history, request="a quiet evening")
    rows = [0, 17, 30, 44]
    decoder, questions = reranker.decoder, reranker.questions
    ids = questions.beginning(asked.history, asked.request)
    whole = []
    for row in rows:
        inputs = torch.cat([reranker.vectors, decoder.vectors_of(ids + questions.ending(row))])[None]
        hidden = decoder.network(inputs_embeds=inputs).last_hidden_state[0, -1]
        logits = torch.log_softmax(hidden @ decoder.words.weight.T, dim=-1)  # the output words are the input words
        whole.append(float(logits[decoder.ids(" yes")[0]] - logits[decoder.ids(" no")[0]]))
    assert "Asked for: a quiet evening\nLiked: War film number 0;" in decoder.tokenizer.decode(ids)
    np.testing.assert_allclose(reranker.answers(asked, rows), whole, atol=1e-4)


def test_the_order_and_company_of_candidates_do_not_matter(reranker: DecoderReranker, recommender: Recommender) -> None:
    asked = query(recommender.catalogue, "W0", "W1")
    rows = rows_of(recommender.catalogue, "Comedy")[:6]
    shuffled = np.array([4, 0, 5, 2, 1, 3])
    scores = np.linspace(1, 0, len(rows), dtype=np.float32)
    one, _ = reranker.rerank(asked, (rows, scores))
    other, kept = reranker.rerank(asked, (rows[shuffled], scores[shuffled]))
    assert one.tolist() == other.tolist()
    assert all(scores[rows == row] == score for row, score in zip(other, kept, strict=True))
    alone = [float(reranker.answers(asked, [row])[0]) for row in rows[:2]]
    np.testing.assert_allclose(reranker.answers(asked, rows.tolist())[:2], alone, atol=1e-4)


def test_nothing_moves_behind_the_first_fifty_or_without_a_share(
    reranker: DecoderReranker, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptrec.rank.reranker.RERANKED", 3)
    rows, scores = np.arange(6), np.linspace(1, 0, 6, dtype=np.float32)
    asked = query(recommender.catalogue, "W0")
    ordered, _ = reranker.rerank(asked, (rows, scores))
    assert sorted(ordered[:3]) == [0, 1, 2]
    assert ordered[3:].tolist() == [3, 4, 5]
    reranker.share = 0.0
    assert reranker.rerank(asked, (rows, scores))[0].tolist() == rows.tolist()


def test_tuning_learns_what_is_wanted_and_leaves_the_model_as_it_is(
    decoder: Decoder, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever liked a romance goes on with a comedy, which words alone do not say."""
    catalogue = recommender.catalogue
    comedies, romances = rows_of(catalogue, "Comedy"), rows_of(catalogue, "Romance")

    def lists(places: range) -> Lists:
        queries = tuple(query(catalogue, f"R{n}") for n in places)
        found = tuple((np.array([romances[-1 - n], comedies[n]]), np.zeros(2, dtype=np.float32)) for n in places)
        return Lists(queries, found, comedies[list(places)])

    start = DecoderReranker(decoder, catalogue, starting_vectors(decoder), 1.0)
    before = fingerprint(decoder.network)
    for size, few in (("STEPS", 10), ("CHECK_EVERY", 10), ("BATCH", 1)):
        monkeypatch.setattr(tuning, size, few)
    learnt = descend(start, lists(range(8)), lists(range(8, 10)), "tiny", 0, seconds=600)
    assert fingerprint(decoder.network) == before
    assert all(parameter.grad is None for parameter in decoder.network.parameters())
    assert learnt.vectors.shape == (8, decoder.width)
    best = min(point["validation"] for point in learnt.curve)
    assert best < 0.5 * learnt.curve[0]["validation"]
    tuned = DecoderReranker(decoder, catalogue, learnt.vectors, 1.0)
    unseen = lists(range(10, 14))
    assert unseen.ndcg(unseen.answers(tuned), 1.0).mean() == 1.0


def test_a_saved_reranker_orders_what_is_recommended(recommender: Recommender, saved: Prompt) -> None:
    plain = recommender.recommend(["W0", "W1"], k=45, seen="include", explain=False)
    ordered = recommender.recommend(["W0", "W1"], k=45, seen="include", explain=False, rerank=saved.name)
    assert {item.id: item.score for item in plain} == {item.id: item.score for item in ordered}
    assert [item.id for item in plain] != [item.id for item in ordered]
    assert recommender.library.card(saved.name, saved.version)["bytes"] <= 20_480
    first = recommender.recommend(["W0", "W1"], k=3, seen="include", explain=False, rerank=saved.name)
    assert [item.id for item in first] == [item.id for item in ordered][:3]


def test_what_does_not_fit_is_refused(recommender: Recommender, saved: Prompt) -> None:
    catalogue, own = recommender.catalogue, recommender.backbone.fingerprint
    with pytest.raises(PromptrecError, match="is a reranker; name it by `rerank`"):
        recommender.recommend(["W0"], prompt=saved.name)
    with pytest.raises(PromptrecError, match="leave it or diversity out"):
        recommender.recommend(["W0"], rerank=saved.name, diversity=0.5)
    with pytest.raises(PromptrecError, match=r"was tuned for decoder other, smollm2-135m is"):
        DecoderReranker.of(replace(saved, card={**saved.card, "decoder": "other"}), catalogue, own)
    with pytest.raises(PromptrecError, match=r"orders the lists of backbone .* prompts rebuild second-look"):
        DecoderReranker.of(saved, catalogue, "another")
    with pytest.raises(PromptrecError, match="is a soft prompt; make one with"):
        DecoderReranker.of(replace(saved, kind="soft"), catalogue, own)
    with pytest.raises(PromptrecError, match="expected a decoder"):
        Decoder(registry.fetch("minilm"))
