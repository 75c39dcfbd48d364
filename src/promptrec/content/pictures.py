"""Pictures from bytes, whatever they are: what cannot be read, or is far too large, is None."""

from __future__ import annotations

import io
import warnings

from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MOST_PIXELS = 50_000_000


def picture_of(file: bytes) -> Image.Image | None:
    """The picture in RGB; transparent parts are white. None where the bytes are no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(file), formats=FORMATS) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    return None
                opened.draft("RGB", (448, 448))  # a large JPEG is decoded at the size that is enough
                if opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info:
                    layer = opened.convert("RGBA")
                    ground = Image.new("RGBA", layer.size, "white")
                    return Image.alpha_composite(ground, layer).convert("RGB")
                return opened.convert("RGB")
    except Exception:  # Pillow's decoders raise nearly anything on broken bytes
        return None
