"""What every general model must do, besides being a scorer; a backbone inherits these tests and gives `subject`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from contracts.scorer import ORDER, ScorerContract, asked
from contracts.world import KINDS, permuted_world, query, rows_of
from promptrec.backbone.interface import Backbone
from promptrec.backbone.kinds import load_backbone
from promptrec.backbone.sequence import fingerprint
from promptrec.data.catalogue import Catalogue
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt, mix
from promptrec.recommender import Recommender


class BackboneContract(ScorerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Recommender:
        """The backbone in a recommender that was trained on the small world."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def scorer(cls, subject: Recommender) -> Backbone:
        return subject.backbone

    @pytest.fixture
    def catalogue(self, subject: Recommender) -> Catalogue:
        return subject.catalogue

    def test_the_row_of_an_item_says_nothing(self, subject: Recommender) -> None:
        """The frozen model over the same catalogue in another order gives the same scores in that order."""
        other = permuted_world(ORDER)
        again = subject.backbone.over(other.catalogue, subject.vectors[ORDER])
        before, after = subject.backbone.score(asked(subject.catalogue)), again.score(asked(other.catalogue))
        np.testing.assert_allclose(after, before[:, ORDER], rtol=1e-4, atol=1e-5)
        assert again.fingerprint == subject.backbone.fingerprint

    def test_a_new_item_ranks_by_its_content(self, subject: Recommender) -> None:
        items = subject.catalogue.items
        new = items[[0]].with_columns(id=pl.lit("C0 again"))
        catalogue = Catalogue(items.vstack(new))
        vectors = np.concatenate([subject.vectors, subject.vectors[:1]])
        scores = subject.backbone.over(catalogue, vectors).score(
            [query(catalogue, *(f"{kind[0]}{n}" for n in (2, 3, 4))) for kind in KINDS]
        )
        assert scores[:, -1].argmax() == 0, "the copy of a comedy suits those best who watch comedies"

    def test_queries_are_of_length_one_and_scores_their_products_with_items(self, scorer: Backbone) -> None:
        queries = asked(scorer.catalogue)
        q, k = scorer.encode_queries(queries), scorer.encode_items()
        torch.testing.assert_close(q.norm(dim=-1), torch.ones(len(queries), device=q.device))
        np.testing.assert_allclose(scorer.score(queries), (q @ k.T).cpu().numpy(), rtol=1e-5, atol=1e-6)
        assert k.shape == (len(scorer.catalogue), scorer.prompt_shape.shift)

    def test_the_logits_of_the_loss_are_those_of_the_scores(self, scorer: Backbone) -> None:
        """Without a prompt, the queries that tuning's loss uses are the ones that rank."""
        histories = [one.history for one in asked(scorer.catalogue)]
        torch.testing.assert_close(scorer.queries(histories, {}), scorer.encode(histories, [{}] * len(histories)))
        assert 1 < scorer.scale < 1_000

    def test_a_request_lifts_what_it_asks_for_above_all(self, subject: Recommender) -> None:
        prompts = [None, subject.requests.prompt("looking for war")]
        plain, steered = subject.backbone.score([query(subject.catalogue, "C0", "C1", prompt=p) for p in prompts])
        lifted = np.argsort(plain - steered, kind="stable")[:15]
        assert set(lifted) == set(rows_of(subject.catalogue, "War"))

    def test_a_prompt_that_says_nothing_changes_nothing(self, scorer: Backbone) -> None:
        silent = prompt_of(scorer, lambda size: torch.zeros(size))
        plain, steered = (scorer.score([query(scorer.catalogue, "C0", "C1", prompt=p)]) for p in (None, silent))
        np.testing.assert_allclose(plain, steered, atol=1e-6)

    def test_a_row_without_a_prompt_is_the_same_alone_and_in_a_mixed_batch(self, subject: Recommender) -> None:
        backbone, prompt = subject.backbone, subject.requests.prompt("war")
        plain, steered = (query(subject.catalogue, "C0", "C1", prompt=p) for p in (None, prompt))
        alone, batch = backbone.encode_queries([plain]), backbone.encode_queries([steered, plain])
        torch.testing.assert_close(batch[1], alone[0], rtol=0, atol=1e-6)
        assert not torch.allclose(batch[0], alone[0])

    def test_a_thousand_prompts_in_one_batch_are_as_each_alone(self, scorer: Backbone) -> None:
        draw = torch.Generator().manual_seed(0)
        queries = []
        for n in range(1_000):
            own = prompt_of(scorer, lambda size: 0.3 * torch.randn(size, generator=draw))
            parts = {0: None, 1: own, 2: mix([(own, 1), (queries[-1].prompt or own, 2)]) if queries else own}
            queries.append(replace(query(scorer.catalogue, f"{'CWR'[n % 3]}{n % 15}"), prompt=parts[n % 3]))
        together = scorer.score(queries)
        for n in range(0, 1_000, 37):
            np.testing.assert_allclose(together[n], scorer.score([queries[n]])[0], rtol=1e-4, atol=1e-5)

    def test_a_mix_lies_between_its_parts(self, subject: Recommender) -> None:
        war, romance = (subject.requests.prompt(word) for word in ("war", "romance"))
        prompts = [war, mix([(war, 1), (romance, 1)]), romance]
        scores = subject.backbone.score([query(subject.catalogue, "C0", "C1", prompt=p) for p in prompts])
        of_war = scores[:, rows_of(subject.catalogue, "War")].mean(axis=1)
        assert of_war[0] > of_war[1] > of_war[2]

    def test_a_prompt_of_another_backbone_is_refused(self, scorer: Backbone) -> None:
        foreign = replace(prompt_of(scorer, torch.zeros), name="foreign", backbone="0" * 64)
        for prompt in (foreign, mix([(foreign, 1)])):
            with pytest.raises(PromptrecError, match="'foreign' was made for backbone 000000000000"):
                scorer.score([query(scorer.catalogue, "C0", prompt=prompt)])

    def test_ranking_leaves_the_model_as_it_is(self, subject: Recommender) -> None:
        network = subject.backbone.network
        before = fingerprint(network)
        subject.backbone.score([query(subject.catalogue, "C0", prompt=subject.requests.prompt("war"))])
        assert fingerprint(network) == before
        assert not any(parameter.requires_grad for parameter in network.parameters())
        assert not network.training

    def test_every_number_of_a_prompt_has_a_gradient(self, scorer: Backbone) -> None:
        leaves = {name: t.requires_grad_() for name, t in prompt_of(scorer, torch.rand).tensors.items()}
        histories = [query(scorer.catalogue, "C0", "C1").history] * 2
        stacked = {name: leaf.expand(2, *leaf.shape) for name, leaf in leaves.items()}
        (scorer.queries(histories, stacked) @ scorer.encode_items().T)[:, 7].sum().backward()
        for name, leaf in leaves.items():
            assert leaf.grad is not None, name
            assert leaf.grad.isfinite().all(), name
            assert leaf.grad.any(), name

    def test_what_is_saved_gives_the_same_scores(self, subject: Recommender, tmp_path: Path) -> None:
        subject.backbone.save(tmp_path, {"note": "kept"})
        again = load_backbone(tmp_path, subject.catalogue, subject.vectors)
        assert type(again) is type(subject.backbone)
        assert again.fingerprint == subject.backbone.fingerprint
        assert np.array_equal(again.score(asked(subject.catalogue)), subject.backbone.score(asked(subject.catalogue)))

    @pytest.mark.parametrize("file", ["weights.safetensors", "config.json", "items.json", "content_space.safetensors"])
    def test_a_broken_file_is_named(self, subject: Recommender, tmp_path: Path, file: str) -> None:
        subject.backbone.save(tmp_path, {})
        (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:40])
        with pytest.raises(PromptrecError, match=file):
            load_backbone(tmp_path, subject.catalogue, subject.vectors)

    def test_weights_of_another_model_are_refused(self, subject: Recommender, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        subject.backbone.save(tmp_path, {})
        weights = load_file(tmp_path / "weights.safetensors")
        name = sorted(weights)[0]
        save_file({**weights, name: weights[name] + 1}, tmp_path / "weights.safetensors")
        with pytest.raises(PromptrecError, match=r"weights\.safetensors: the weights are not those of config\.json"):
            load_backbone(tmp_path, subject.catalogue, subject.vectors)


def prompt_of(backbone: Backbone, fill) -> Prompt:  # type: ignore[no-untyped-def]
    """A prompt with a tensor for whatever the backbone takes besides a prefix, which cannot say nothing."""
    shape = backbone.prompt_shape
    sizes = {"shift": shape.shift, "gate": shape.gate}
    tensors = {name: fill(size) for name, size in sizes.items() if size}
    return Prompt("filled", "soft", "", backbone.fingerprint, tensors)
