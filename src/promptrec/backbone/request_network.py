"""A sentence vector to a shift of the query: which facets it asks for, or which items' texts it is like, or nothing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from promptrec.backbone.content_space import ContentSpace

RULE = 16
STEEPNESS = 10.0
UNSPOKEN = 0.1
SPOKEN = 0.5
MINOR = 0.9
RISE = 0.1
NEIGHBOURS = 10
SAME = 0.9999
NAMED = 0.3


class RequestNetwork(nn.Module):
    """A sentence vector to a shift of the query within the content space.

    Each facet has a gate that says wanted (1), not spoken of (0) or, where the words only hint at it, something
    between: what a request does not speak of keeps each person's own order to the bit, however loud it is. Prefixes and
    unbounded shifts, tried first, followed requests as well but lost up to half of that order. All facets share one
    small rule, from how like a facet's names a sentence is to its gate, so that it holds for facets that no wish of the
    training names. A request that opens no gate goes to the items whose texts are like it: by the cosine of their
    vectors, each direction divided by how much the items differ in it; but only as far as it is nearer to an item than
    sentences that ask for nothing. A sentence that is more like those than like any facet asks for nothing.
    """

    centre: Tensor
    likeness: Tensor
    shown: Tensor
    strength: Tensor
    quiet: Tensor
    names: Tensor
    everyday: Tensor
    ordinary_from: Tensor

    def __init__(
        self, trained: int, space: ContentSpace, items: Tensor, centre: Tensor, names: Tensor, everyday: Tensor
    ) -> None:
        """trained: how many of a query's numbers come before those of the content space; items: (items, directions)
        where their texts lie; centre: (w,) what requests have in common; names: (sets, facets, w) what facets are
        called, relative to it and of length one, zeros where a set has no name; everyday: (n, w) the same of sentences
        that ask for nothing."""
        super().__init__()
        self.trained, self.directions = trained, space.directions.shape[1]
        self.others = space.width - self.directions - len(space.facets)
        self.items = items  # no copy, and no part of what is learnt
        self.register_buffer("centre", centre)
        self.register_buffer("names", names)
        self.register_buffer("everyday", everyday)
        self.register_buffer("shown", space.directions, persistent=False)
        self.register_buffer("likeness", space.directions / space.spread, persistent=False)
        self.register_buffer("quiet", torch.zeros(2))  # for requests, and for ordinary sentences
        self.register_buffer("ordinary_from", torch.tensor(1.0))
        self.register_buffer("strength", torch.tensor(1.0))
        self.loudness = nn.Parameter(torch.tensor(0.5))
        self.rule = nn.Sequential(nn.Linear(3, RULE), nn.GELU(), nn.Linear(RULE, 1))

    def forward(self, sentences: Tensor) -> Tensor:
        """sentences (b, w) to shifts (b, trained + what a place in the content space has)."""
        centred = self.centred(sentences)
        gates = self._gates(self._alike(centred))
        taken_up = gates.amax(dim=-1, keepdim=True) if gates.shape[-1] else centred.new_zeros(len(centred), 1)
        ordinary = self.ordinary(sentences)[:, None]
        if not self.training:
            gates = gates.masked_fill(ordinary, 0.0)
            taken_up = (taken_up > 0).float()
        bar = torch.where(ordinary, self.quiet[1], self.quiet[0])
        heard = ((self.nearness(sentences)[:, None] - bar) / RISE).clamp(0, 1)
        towards = self.loudness * F.normalize(centred @ self.likeness, dim=-1) * heard * (1 - taken_up)
        return self.strength * F.pad(torch.cat([towards, gates], dim=-1), (self.trained, self.others))

    def _gates(self, alike: Tensor) -> Tensor:
        """(b, facets) gates from cosines. The rule sees how like a facet the sentence is, and how much more so than the
        most like of the others and than the third of all: two may be wanted together."""
        if not alike.shape[-1]:
            return alike
        best = F.pad(alike, (0, 2), value=-1.0).topk(3, dim=-1).values
        rival = torch.where(alike == best[:, :1], best[:, 1:2], best[:, :1])
        wanted: Tensor = self.rule(torch.stack([alike, alike - rival, alike - best[:, 2:]], dim=-1))[..., 0]
        gates = torch.sigmoid(STEEPNESS * wanted - STEEPNESS / 2)
        if self.training:
            return gates
        most = wanted.amax(dim=-1, keepdim=True)  # what is hardly spoken of is not spoken of
        full = (gates / SPOKEN).clamp(max=1)  # of two words that are both spoken of neither is before the other
        return torch.where((wanted < MINOR * most) | (gates < UNSPOKEN), 0.0, full)

    def _alike(self, centred: Tensor) -> Tensor:
        """(b, facets) the cosine with a facet's names: between that with the nearest and the mean."""
        cosines = torch.einsum("bw,sfw->bsf", centred, self.names)
        named = self.names.any(dim=-1).sum(dim=0).clamp(min=1)
        found: Tensor = (cosines.amax(dim=1) + cosines.sum(dim=1) / named) / 2
        return found

    def named(self, sentences: Tensor) -> Tensor:
        """(b, what a place in the content space has behind its directions) 1 at the one facet that a sentence names, if
        it names any: the one that it is most like, where it is so like it as paraphrases hardly are, beyond what the
        nearest sentence that asks for nothing is: "some films" does not name film-noir."""
        centred = self.centred(sentences)
        nearness, nearest = (centred @ self.everyday.T).max(dim=-1)
        alike = self._alike(centred) - nearness[:, None] * self._alike(self.everyday[nearest]).clamp(min=0)
        best = alike.amax(dim=-1, keepdim=True) if alike.shape[-1] else alike
        return F.pad(((alike == best) & (alike > NAMED)).float(), (0, self.others))

    def ordinary(self, sentences: Tensor) -> Tensor:
        """(b,) whether a sentence is more like those that ask for nothing than like any facet."""
        centred = self.centred(sentences)
        alike = self._alike(centred)
        most = alike.amax(dim=-1) if alike.shape[-1] else centred.new_zeros(len(centred))
        found: Tensor = self.everydayness(sentences) > most.clamp(min=self.ordinary_from)
        return found

    def everydayness(self, sentences: Tensor) -> Tensor:
        """(b,) the mean cosine with the ten nearest of the sentences that ask for nothing, itself not among them."""
        cosines = self.centred(sentences) @ self.everyday.T
        others = cosines.masked_fill(cosines > SAME, -1.0)
        return others.topk(min(NEIGHBOURS, others.shape[-1]), dim=-1).values.mean(dim=-1)

    def nearness(self, sentences: Tensor) -> Tensor:
        """(b,) the cosine with the nearest item, as far as the main directions of the texts show it."""
        found: Tensor = (self.centred(sentences) @ self.shown @ self.items.T).amax(dim=-1)
        return found

    def centred(self, sentences: Tensor) -> Tensor:
        return F.normalize(sentences - self.centre, dim=-1)
