"""The language backbone with MiniLM's real weights, on the small world and on a catalogue without events."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from contracts.backbone import BackboneContract
from contracts.language import read_by
from contracts.world import KINDS, query, rows_of, small_world
from promptrec.backbone.kinds import load_backbone
from promptrec.backbone.language.backbone import PROMPT_TOKENS
from promptrec.backbone.sequence import fingerprint
from promptrec.data.dataset import Dataset
from promptrec.data.scenario import match
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.language_training import train_language
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.tune.directions import directions
from promptrec.tune.score import ndcg_per_example
from promptrec.tune.start import Tunable, start_of
from promptrec.tune.tune import tune
from promptrec.workspace import Workspace


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    """MiniLM over the small world, whose items it knows by their texts alone."""
    return read_by("minilm", tmp_path_factory.mktemp("language"))


class TestLanguageBackbone(BackboneContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, reading: Recommender) -> Recommender:
        return reading

    @pytest.mark.parametrize("file", ["weights.safetensors", "config.json", "items.safetensors"])
    def test_a_broken_file_is_named(self, subject: Recommender, tmp_path: Path, file: str) -> None:
        super().test_a_broken_file_is_named(subject, tmp_path, file)


def test_a_prompt_of_words_does_what_its_words_do_before_the_history(reading: Recommender) -> None:
    """TEXT: input vectors that are those of words change a query as the words themselves do, but for their places."""
    backbone = reading.backbone
    words = "I would like to see a war film"
    soft = Prompt("soft", "soft", words, backbone.fingerprint, {"input": backbone.word_vectors(words)})
    assert soft.tensors["input"].shape == (PROMPT_TOKENS, backbone.model.width)
    text = reading.requests.prompt(words)
    history, _ = reading.catalogue.history(["C0"])
    one, other, plain = (
        backbone.encode([history], [prompt.tensors if prompt else {}])[0] for prompt in (soft, text, None)
    )
    assert float(one @ other) > float(one @ plain) + 0.1


def test_a_request_and_a_named_prompt_are_read_together(reading: Recommender) -> None:
    backbone, catalogue = reading.backbone, reading.catalogue
    draw = torch.Generator().manual_seed(0)
    soft = Prompt("soft", "soft", "", backbone.fingerprint, {"input": backbone.drawn_vectors("RANDOM", draw)})
    name = reading.library.save(soft).name
    together = reading.prompt_for("war", name)
    joined = {**soft.tensors, **reading.requests.prompt("war").tensors}
    history = query(catalogue, "C0").history
    expected = backbone.encode([history], [joined])
    torch.testing.assert_close(backbone.encode_queries([query(catalogue, "C0", prompt=together)]), expected)


def test_the_weight_of_a_request_goes_from_the_history_to_the_words(reading: Recommender) -> None:
    wars = set(rows_of(reading.catalogue, "War"))
    shares = []
    for weight in (0.1, 0.5, 1.0):
        steering = reading.prompt_for("war", request_weight=weight)
        scores = reading.backbone.score([query(reading.catalogue, "C0", "C1", prompt=steering)])[0]
        shares.append(scores[list(wars)].mean() - scores.mean())
    assert shares[0] < shares[1] < shares[2]


def test_directions_lift_the_items_that_carry_a_word(reading: Recommender) -> None:
    names, along = directions(reading)
    lifts = (reading.backbone.encode_items() @ along.T).numpy()
    for kind in KINDS:
        carries = np.array([kind in words for words in reading.catalogue.words_of("genres")])
        own = lifts[:, names.index(f"genres: {kind}")]
        assert own[carries].min() > own[~carries].max()


@pytest.fixture(scope="module")
def tuned(reading: Recommender) -> tuple[Prompt, str]:
    before = fingerprint(reading.backbone.network)
    return tune(reading, "even", "rating = 5", "films that people rate with five stars", seed=0, seconds=5), before


def test_tuning_leaves_the_model_as_it_is(reading: Recommender, tuned: tuple[Prompt, str]) -> None:
    assert fingerprint(reading.backbone.network) == tuned[1]
    assert all(parameter.grad is None for parameter in reading.backbone.network.parameters())


def test_every_vector_before_the_words_is_tuned(reading: Recommender) -> None:
    """As in the method `input`: a step of gradient descent lowers the loss of what was asked."""
    backbone = reading.backbone
    tunable = Tunable(backbone, start_of(reading, "vectors", "a film", (), None), "input", 0)
    shapes = {name: tuple(leaf.shape) for name, leaf in tunable.leaves.items()}
    assert shapes == {"input": (8, 384), "shift": (384,), "gate": (384,)}
    assert sum(leaf.nbytes for leaf in tunable.leaves.values()) <= 20_000
    optimizer = torch.optim.AdamW(tunable.groups(tunable.pace(2)), weight_decay=0.0)
    histories = [query(reading.catalogue, *ids).history for ids in (("C0", "C1", "C2"), ("W3",))]
    targets, losses = torch.tensor([7, 20]), []
    for _ in range(4):
        stacked = {name: tensor.expand(2, *tensor.shape) for name, tensor in tunable.tensors().items()}
        logits = backbone.scale * backbone.queries(histories, stacked) @ backbone.encode_items().T
        loss = torch.nn.functional.cross_entropy(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        assert all(leaf.grad.abs().amax(dim=-1).min() > 0 for leaf in tunable.leaves.values())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_tuned_prompt_helps_people_it_never_saw(reading: Recommender) -> None:
    prompt = tune(reading, "even-shift", "rating = 5", seed=0, method="shift")
    split = reading.split
    asked = split.matching(np.concatenate([split.validation, split.test]), match(reading.dataset, "rating = 5"))
    without, steered = (ndcg_per_example(reading.backbone, asked, p).mean() for p in (None, prompt))
    assert steered > without + 0.02


def test_what_is_saved_steers_as_what_was_tuned(reading: Recommender, tuned: tuple[Prompt, str]) -> None:
    again = Recommender.load(reading.library.folder.parent)
    one, other = (
        r.backbone.score([query(r.catalogue, "C0", "C1", prompt=p)])
        for r, p in ((reading, tuned[0]), (again, again.library.load("even")))
    )
    assert np.array_equal(one, other)


@pytest.mark.parametrize("initial", ["TEXT", "SAMPLE_VOCAB", "RANDOM"])
def test_requests_with_answers_are_examples(reading: Recommender, tmp_path: Path, initial: str) -> None:
    file = tmp_path / "examples.csv"
    lines = [f"something with {'CWR'.index(kind[0])},{kind[0]}{n}" for kind in KINDS for n in range(4)]
    file.write_text("request,item\n" + "\n".join(lines) + "\n", encoding="utf-8")
    text, name = ("a film" if initial == "TEXT" else None), f"asked-{initial.lower().replace('_', '-')}"
    prompt = tune(reading, name, examples=file, text=text, init=initial, seconds=2)
    assert prompt.card["examples"] == 10
    assert prompt.tensors


def test_an_initialisation_that_is_none_is_refused(reading: Recommender, recommender: Recommender) -> None:
    with pytest.raises(PromptrecError, match="expected one of TEXT, SAMPLE_VOCAB, RANDOM, found 'ZERO'"):
        tune(reading, "refused", "rating = 5", init="ZERO")
    with pytest.raises(PromptrecError, match="--init: it is for the language backbone"):
        tune(recommender, "refused", "rating = 5", init="RANDOM")


def test_a_catalogue_without_events(tmp_path: Path) -> None:
    world = small_world()
    workspace = Workspace(tmp_path)
    Dataset(world.events.clear(), world.items, None, world.manifest).save(workspace.dataset)
    reading = train_language(workspace, "minilm")
    found = reading.recommend(request="a war film", k=10)
    assert sum(item.id.startswith("W") for item in found.items) >= 9
    file = tmp_path / "examples.csv"
    file.write_text("request,item\n" + "".join(f"a film like this,W{n}\n" for n in range(8)), encoding="utf-8")
    prompt = tune(reading, "wars", examples=file, method="shift")
    assert (
        prompt.card["validation"]["ndcg@10"]["with"]["value"]
        >= prompt.card["validation"]["ndcg@10"]["without"]["value"]
    )


def test_a_new_item_alone_is_read(reading: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, read = reading.backbone.items.encoder, []
    original = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda texts: (read.extend(texts), original(texts))[1])
    items = reading.catalogue.items
    new = items[[0]].with_columns(id=pl.lit("new"), title=pl.lit("A war film with a title of its own"))
    catalogue = replace(reading.dataset, items=items.vstack(new)).catalogue
    backbone = reading.backbone.over(catalogue, reading.vectors)
    assert len(read) == 1
    assert backbone.fingerprint == reading.backbone.fingerprint


def test_a_model_that_is_not_found_says_where_it_was_looked_for(
    reading: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    workspace = Workspace(tmp_path / "w")
    small_world().save(workspace.dataset)
    with pytest.raises(NotFoundError, match=r"no such folder .*packaged models \(minilm, .* in .*huggingface"):
        train_language(workspace, "nobody/nothing")
    reading.backbone.save(tmp_path, {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(PromptrecError, match=r"'minilm' is not found: .*run `promptrec models fetch minilm`"):
        load_backbone(tmp_path, reading.catalogue, reading.vectors)


def test_other_verbs_do_not_wait_for_transformers() -> None:
    code = "import sys, promptrec.recommender, promptrec.tune.tune; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
