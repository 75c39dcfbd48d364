"""Networks that were trained apart, side by side in one: its scores are the mean of theirs.

An ensemble of networks is more accurate than any of them (Lakshminarayanan et al., NeurIPS 2017). Put side by side they
are one network of their widths' sum, whose matrices have a block for each and zeros elsewhere, so that the score stays
one product of two vectors, and whatever steers, stores or serves a network does so with this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from promptrec.backbone.network import SequenceNetwork


def side_by_side(networks: Sequence[SequenceNetwork]) -> SequenceNetwork:
    """One network of n * width whose vectors are those of n networks of the same sizes, one after another."""
    n, own = len(networks), networks[0].config
    with torch.device("meta"):  # nothing is drawn, all weights are given
        found = SequenceNetwork(replace(own, width=n * own.width, heads=n * own.heads, members=n))
    states = [network.state_dict() for network in networks]
    joined = {name: _joined(name, [state[name] for state in states]) for name in states[0]}
    found.load_state_dict(joined, assign=True)
    return found.eval()


def _joined(name: str, own: Sequence[Tensor]) -> Tensor:
    if name == "log_scale":
        return torch.stack([scale.exp() for scale in own]).mean().log()
    if "query_key_value" in name:  # the queries of all, the keys of all, the values of all
        return torch.cat([_blocks(parts) for parts in zip(*(weight.chunk(3) for weight in own), strict=True)])
    if name.startswith("layers."):
        return _blocks(own)
    if name.startswith(("item_id.", "word.", "position.", "gap.")):
        return torch.cat(list(own), dim=1)
    return torch.cat(list(own))


def _blocks(own: Sequence[Tensor]) -> Tensor:
    """Matrices that see the shares apart, or their biases one after another."""
    found: Tensor = torch.block_diag(*own) if own[0].ndim == 2 else torch.cat(list(own))  # type: ignore[no-untyped-call]
    return found
