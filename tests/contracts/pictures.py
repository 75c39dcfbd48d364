"""Pictures made for tests: their kind is told by their colour and pattern."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from contracts.world import EACH, KINDS, small_world
from promptrec.data.dataset import Dataset

COLOURS = {"Comedy": (240, 200, 40), "War": (90, 60, 30), "Romance": (230, 90, 160)}


def drawn(kind: str, number: int, form: str = "JPEG") -> bytes:
    """The bytes of a picture of a kind of film; no two are alike."""
    rng = np.random.default_rng(number)
    pixels = np.full((120, 80, 3), COLOURS[kind], dtype=np.float64)
    if kind == "War":
        pixels[rng.integers(120, size=30)] = 0
    if kind == "Romance":
        across, down = np.meshgrid(np.arange(80), np.arange(120))
        pixels[(across - 40) ** 2 + (down - 60) ** 2 < rng.integers(400, 900)] = 255
    pixels += rng.normal(scale=12, size=pixels.shape)
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, form)
    return out.getvalue()


def pictured_world(folder: Path) -> None:
    """Save the small world with a picture for each film but the last."""
    dataset = small_world()
    names = [f"image/{kind}-{number}.jpg" for kind in KINDS for number in range(EACH)]
    items = dataset.items.with_columns(image=pl.Series([*names[:-1], None]))
    Dataset(dataset.events, items, None, dataset.manifest).save(folder)
    (folder / "image").mkdir()
    for kind in KINDS:
        for number in range(EACH):
            (folder / "image" / f"{kind}-{number}.jpg").write_bytes(drawn(kind, number))
