"""The `sequence` backbone does what a backbone must do."""

from __future__ import annotations

import pytest

from contracts.backbone import BackboneContract
from promptrec.recommender import Recommender


class TestSequence(BackboneContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, recommender: Recommender) -> Recommender:
        return recommender
