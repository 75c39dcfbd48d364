"""What is known of items besides who has them: the content of their texts and their attribute words."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from promptrec.backbone.content_space import ContentSpace
from promptrec.content.encoder import Vectors
from promptrec.data.catalogue import Catalogue


def item_features(space: ContentSpace, catalogue: Catalogue, vectors: Vectors) -> torch.Tensor:
    """(n, f) float32: the centred text vector and the facets that the item carries, each part of length one (zeros
    where an item carries none)."""
    facets = space.carried(catalogue)
    return torch.cat([space.content(vectors), F.normalize(facets, dim=-1)], dim=-1)
