"""The `factorization` backbone: frozen factors over one catalogue, steered by a shift and a gate of the query."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.factorization.codes import Codes, hyperplanes, sign_codes
from promptrec.backbone.factorization.features import item_features
from promptrec.backbone.factorization.network import FactorizationConfig, FactorizationNetwork
from promptrec.backbone.interface import Backbone
from promptrec.backbone.sequence import device, fingerprint, pad
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.data.history import History
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import PromptShape
from promptrec.prompt.query import Query
from promptrec.workspace import SCHEMA_VERSION, read_json, write_json


class FactorizationBackbone(Backbone):
    """A frozen `FactorizationNetwork`.

    A person, known or not, is folded in from their history: the query is computed from it alone. As in the `sequence`
    backbone a key is the trained vector, of length one, followed by the item's place in the content space, where a
    query without a prompt is zero, and an item that was not trained on has no id part. A prompt has a `gate` (width,),
    what each trained number of the query is multiplied with less one, and a `shift` (d,), what is then added.
    """

    name = "factorization"

    def __init__(
        self,
        network: FactorizationNetwork,
        space: ContentSpace,
        trained: tuple[str, ...],
        catalogue: Catalogue,
        vectors: Vectors,
        others: Others | None = None,
    ) -> None:
        """trained: the ids of the items that the network's id parts belong to, in their order."""
        self.network = network.to(device()).eval().requires_grad_(False)
        self.space = space
        self.trained = trained
        self.catalogue = catalogue
        digest = hashlib.sha256((fingerprint(network) + space.fingerprint).encode())
        digest.update("\0".join(trained).encode())
        self.fingerprint = digest.hexdigest()
        place_of = {id_: place for place, id_ in enumerate(trained)}
        own = torch.tensor([place_of.get(id_, -1) for id_ in catalogue.ids], device=device())
        with torch.no_grad():
            keys, self._given = network.item_vectors(item_features(space, catalogue, vectors).to(device()), own)
            self._keys = torch.cat(
                [F.normalize(keys, dim=-1), space.place(catalogue, vectors, others).to(device())], dim=-1
            )
        width = network.config.width
        self._planes = hyperplanes(width).to(device())
        self.prompt_shape = PromptShape(layers=0, tokens=0, width=width, shift=self._keys.shape[1], gate=width)

    def over(self, catalogue: Catalogue, vectors: Vectors, others: Others | None = None) -> FactorizationBackbone:
        """The same frozen model over another catalogue: items that are new in it are known by their features."""
        return FactorizationBackbone(self.network, self.space, self.trained, catalogue, vectors, others)

    @property
    def scale(self) -> float:
        return float(self.network.log_scale.exp())

    def encode_items(self, rows: Rows | None = None) -> torch.Tensor:
        return self._keys if rows is None else self._keys[torch.from_numpy(rows).to(self._keys.device)]

    def encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, torch.Tensor]]) -> torch.Tensor:
        shape, where = self.prompt_shape, self._keys.device
        nothing = {"shift": torch.zeros(shape.shift, device=where), "gate": torch.zeros(shape.gate, device=where)}
        stacked = {
            name: torch.stack([own[name].to(where) if name in own else neutral for own in tensors])
            for name, neutral in nothing.items()
        }
        return F.normalize(self.queries(histories, stacked), dim=-1)

    def queries(self, histories: Sequence[History], stacked: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(b, d) queries before they are brought to length one; shift (b, d), gate (b, width)."""
        rows, _ = pad(histories, self.network.config.length, len(self.catalogue))
        trained = self.network(self._given, rows.to(self._keys.device), last_only=True)[:, 0]
        if "gate" in stacked:
            trained = trained * (1 + stacked["gate"])
        queries: torch.Tensor = F.pad(trained, (0, self._keys.shape[1] - trained.shape[1]))
        return queries + stacked["shift"] if "shift" in stacked else queries

    def item_codes(self, rows: Rows | None = None) -> Codes:
        """(n, 32) uint8: on which side of 256 planes the trained part of each key lies, seen from the keys' mean."""
        trained = self._keys[:, : self.network.config.width]
        chosen = trained if rows is None else trained[torch.from_numpy(rows).to(trained.device)]
        return sign_codes((chosen - trained.mean(dim=0)) @ self._planes)

    def query_codes(self, queries: Sequence[Query]) -> Codes:
        """(b, 32) uint8: the same of the queries; the items that `hamming` finds nearest are the best, nearly."""
        with torch.inference_mode():
            return sign_codes(self.encode_queries(queries)[:, : self.network.config.width] @ self._planes)

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write weights and config.json into an existing folder."""
        save_file(self.network.state_dict(), folder / "weights.safetensors")
        (folder / "items.json").write_text(json.dumps(self.trained, ensure_ascii=False), encoding="utf-8")
        config = {
            "backbone": self.name,
            "network": asdict(self.network.config),
            "fingerprint": self.fingerprint,
            **self.space.save(folder),
        }
        write_json(folder / "config.json", {"schema_version": SCHEMA_VERSION, **config, "card": dict(card)})

    @classmethod
    def load(
        cls, folder: Path, catalogue: Catalogue, vectors: Vectors, others: Others | None = None
    ) -> FactorizationBackbone:
        """Read a saved backbone. Raises PromptrecError for a missing or broken file."""
        config = read_json(folder / "config.json", "backbone config")
        weights, items = folder / "weights.safetensors", folder / "items.json"
        try:
            network = FactorizationNetwork(FactorizationConfig(**config["network"]))
            network.load_state_dict(load_file(weights))
        except (SafetensorError, RuntimeError, OSError, TypeError) as error:
            raise PromptrecError(f"{weights}: the weights cannot be read ({error}); train again") from None
        try:
            trained = tuple(json.loads(items.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise PromptrecError(f"{items}: the trained items cannot be read ({error}); train again") from None
        backbone = cls(network, ContentSpace.load(folder, config), trained, catalogue, vectors, others)
        if backbone.fingerprint != config["fingerprint"]:
            raise PromptrecError(f"{weights}: the weights are not those of config.json; restore them or train again")
        return backbone
