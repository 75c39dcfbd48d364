"""Reasons in the reader's language. The ranker gives them in English; what they quote stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from promptrec.serve.pages.rendering import Words

_SHARE = r" \((?P<share>\d+%) of its score(?:, most by (?P<most>.+))?\)"
_KINDS = {
    "request": re.compile(rf"fits your request “(?P<what>.*)”{_SHARE}", re.DOTALL),
    "picture": re.compile(rf"fits “like this picture”{_SHARE}"),
    "prompt": re.compile(rf"fits “(?P<what>.*)”{_SHARE}", re.DOTALL),
    "because": re.compile(rf"because of (?P<what>.*){_SHARE}", re.DOTALL),
    "has": re.compile(r"has (?P<what>.+) of your request", re.DOTALL),
    "shares": re.compile(r"shares (?P<what>.+) with your history", re.DOTALL),
    "popular": re.compile(r"popular"),
}


def in_words(reason: str, words: Words) -> str:
    """The reason as a sentence of `words`; as it is where it is of no known kind."""
    found = in_words_of(reason, _KINDS, "reason", words)
    if found is None:
        return reason
    sentence, parts = found
    if "most" in parts:
        sentence += words("reason.most", most=parts["most"].replace(" and ", words("reason.and")))
    return sentence


def in_words_of(
    text: str, kinds: Mapping[str, re.Pattern[str]], prefix: str, words: Words
) -> tuple[str, dict[str, str]] | None:
    """The sentence `prefix.kind` of the first kind that `text` is of, and what was filled in; None where of none."""
    for kind, pattern in kinds.items():
        found = pattern.fullmatch(text)
        if found:
            parts = {name: value for name, value in found.groupdict().items() if value}
            return (words(f"{prefix}.{kind}", **parts) if parts else words(f"{prefix}.{kind}")), parts
    return None
