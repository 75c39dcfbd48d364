"""What went wrong, in the reader's language. It is raised in English; what it quotes stays as it is."""

from __future__ import annotations

import re

from promptrec.serve.pages.reasons import in_words_of
from promptrec.serve.pages.rendering import Words

_KINDS = {
    "name": re.compile(r"prompt name '(?P<name>.*)': expected up to 64 .*", re.DOTALL),
    "length": re.compile(r"prompt '.*': expected 1 to (?P<most>[\d,]+) characters, found (?P<found>[\d,]+)", re.DOTALL),
    "no_scenario": re.compile(r"scenario: is empty; .*"),
    "scenario_alone": re.compile(r"scenario: say which events .*"),
    "sql": re.compile(r"scenario (?P<what>.+): is not a valid SQL expression \((?P<why>.+?)\);.*", re.DOTALL),
    "column": re.compile(r"scenario (?P<what>.+): (?P<why>.+); the columns are (?P<columns>.+)", re.DOTALL),
    "condition": re.compile(r"scenario (?P<what>.+): expected a condition .*", re.DOTALL),
    "matches_none": re.compile(
        r"scenario (?P<what>.+): matches none of (?P<events>[\d,]+) events; loosen it", re.DOTALL
    ),
    "protocol": re.compile(r"protocol: expected one of (?P<known>.+), found '(?P<found>.*)'"),
    "absent_version": re.compile(r"prompt '(?P<name>.+)' has no version (?P<version>\d+); .*"),
    "absent_prompt": re.compile(r"prompt '(?P<name>.+)' is not in this workspace; there are: (?P<there>.*)", re.DOTALL),
    "absent_item": re.compile(r"item '(?P<id>.+)' is not in the catalogue of (?P<items>[\d,]+) items", re.DOTALL),
    "absent_job": re.compile(r"job '(?P<id>.+)' is not in this workspace"),
    "absent_run": re.compile(r"evaluation '(?P<id>.+)' is not in this workspace"),
    "tuning_runs": re.compile(r"tuning runs already; .*"),
    "evaluation_runs": re.compile(r"an evaluation runs already; .*"),
    "no_training": re.compile(r"(?P<what>.+): no training person has an event that matches .*", re.DOTALL),
    "no_validation": re.compile(r"(?P<what>.+): no validation person matches, .*", re.DOTALL),
    "other_split": re.compile(r"--protocol (?P<protocol>\S+): this model was trained with --split (?P<split>\S+) .*"),
    "no_cold_items": re.compile(r"--protocol cold-items: this model was trained on all items; .*"),
    "no_people_out": re.compile(r"--protocol \S+: asks people kept out of training, .*"),
    "nobody": re.compile(r"--protocol \S+: there is nobody to ask; .*"),
    "store": re.compile(r"the event store cannot be (?:read|written) \((?P<why>.*)\)", re.DOTALL),
}


def problem_in_words(problem: str, words: Words) -> str:
    """The problem as a sentence of `words`; as it is where it is of no known kind."""
    found = in_words_of(problem, _KINDS, "problem", words)
    return problem if found is None else found[0]
