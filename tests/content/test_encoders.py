"""Every encoder with real weights, or with a real network of the library's own that is small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contracts.pictures import drawn
from promptrec.content import encoders
from promptrec.content.kinds import chosen, kinds, load_file_encoder, load_text_encoder
from promptrec.content.pictures import picture_of
from promptrec.errors import PromptrecError
from promptrec.models import registry


def test_each_modality_has_one_default() -> None:
    assert chosen() == {"text": "offline", "image": "efficientnet-lite0"}
    assert chosen(["transformers-vision:some/vit"])["image"] == "transformers-vision:some/vit"


@pytest.mark.parametrize("spec", ["word2vec", "transformers-text"])
def test_an_encoder_that_is_not_there_is_an_error(spec: str) -> None:
    with pytest.raises(PromptrecError, match=r"--encoder: .*transformers-text"):
        chosen([spec])


@pytest.mark.parametrize("kind", ["sentence-transformers", "transformers-text"])
def test_text_encoders_know_meaning(kind: str) -> None:
    registry.fetch("minilm")
    encoder = load_text_encoder({"text": f"{kind}:minilm"})
    texts = ["a film about war", "soldiers in battle", "a romantic comedy", ""]
    vectors = encoder.encode(texts)
    assert vectors.shape == (4, 384)
    assert encoder.width == 384
    np.testing.assert_allclose(np.linalg.norm(vectors[:3], axis=1), 1, atol=1e-5)
    assert not vectors[3].any()
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_pictures_of_a_kind_are_alike_and_broken_ones_are_zeros() -> None:
    encoder = load_file_encoder("efficientnet-lite0")
    vectors = encoder.encode([drawn("War", 1), b"no picture", drawn("War", 2, "PNG"), drawn("Romance", 3), b""])
    assert vectors.shape == (5, 1280)
    assert not vectors[[1, 4]].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[[0, 2, 3]], axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3] + 0.1


def test_a_picture_gives_the_same_vector_in_any_company() -> None:
    encoder = load_file_encoder("efficientnet-lite0")
    alone = encoder.encode([drawn("War", 1)])
    together = encoder.encode([drawn("Comedy", n) for n in range(3)] + [drawn("War", 1)])
    np.testing.assert_allclose(alone[0], together[3], atol=1e-5)


def test_a_vision_model_of_transformers_is_read_from_its_folder(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    ViTModel(ViTConfig(image_size=32, patch_size=16, **sizes)).save_pretrained(tmp_path)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    encoder = load_file_encoder(f"transformers-vision:{tmp_path}")
    vectors = encoder.encode([b"", drawn("War", 1), drawn("Comedy", 2)])
    assert vectors.shape == (3, 32)
    assert not vectors[0].any()
    assert abs(float(vectors[1] @ vectors[2])) < 0.9999


def test_huge_and_truncated_pictures_are_none() -> None:
    whole = drawn("War", 1, "PNG")
    assert picture_of(whole) is not None
    assert picture_of(whole[:200]) is None
    header = whole[:16] + (60_000).to_bytes(4, "big") * 2 + whole[24:]
    assert picture_of(header) is None


def test_a_new_modality_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loudness.py").write_text(
        "from promptrec.content.encoder import EncoderKind\n"
        'KIND = EncoderKind("loudness", "audio", lambda _: None, default=True)\n'
    )
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__, str(tmp_path)])
    assert kinds()["loudness"].modality == "audio"
    assert chosen()["audio"] == "loudness"
