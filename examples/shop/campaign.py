"""Scores a campaign page: only the campaign's items are ranked, for the people who were kept out to test prompts on.

python campaign.py WORKSPACE WORD PROMPT
"""

from __future__ import annotations

import sys

import numpy as np

from promptrec import Recommender
from promptrec.baselines.fit_all import fit_baselines
from promptrec.data.examples import Examples
from promptrec.evaluate.metrics import ndcg
from promptrec.evaluate.protocol import MakeQuery, rank
from promptrec.evaluate.significance import bootstrap_interval, paired_difference
from promptrec.prompt.query import Query


def campaign(recommender: Recommender, word: str, prompt: str, seed: int = 0) -> dict[str, dict[str, float]]:
    """NDCG@10 on test people without and with the prompt, and of the baseline that is best on validation people.

    word: what the campaign's items carry in their column `attributes`; the answers are what people bought among them.
    """
    catalogue, split = recommender.catalogue, recommender.split
    carried = np.array([word in words for words in catalogue.words_of("attributes")])
    items = np.flatnonzero(carried)
    matches = carried[split.histories.rows]
    test, validation = (split.matching(people, matches) for people in (split.test, split.validation))

    def gains(scorer, examples: Examples, make_query: MakeQuery | None = None):
        return ndcg(rank(scorer, examples, make_query, candidates=items).ranks)

    saved = recommender.library.load(prompt)
    baselines = fit_baselines(split, catalogue, recommender.vectors, seed)
    best = max(baselines, key=lambda baseline: gains(baseline, validation).mean())
    before = gains(recommender.backbone, test)
    after = gains(recommender.backbone, test, lambda history: Query(history=history, prompt=saved))
    simple = gains(best, test)
    return {
        "without the prompt": bootstrap_interval(before, seed, people=test.people),
        f"with {prompt}": bootstrap_interval(after, seed, people=test.people),
        "difference": paired_difference(after, before, seed, people=test.people),
        f"best baseline ({best.name})": bootstrap_interval(simple, seed, people=test.people),
        "prompt over baseline": paired_difference(after, simple, seed, people=test.people),
    }


if __name__ == "__main__":
    workspace, word, prompt = sys.argv[1:]
    for name, found in campaign(Recommender.load(workspace), word, prompt).items():
        print(f"{name:32} NDCG@10 {found['value']:6.3f}  ({found['low']:.3f} to {found['high']:.3f})")
