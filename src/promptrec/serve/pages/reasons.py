"""Reasons in the reader's language. The ranker gives them in English; what they quote stays as it is."""

from __future__ import annotations

import re

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
    for kind, pattern in _KINDS.items():
        found = pattern.fullmatch(reason)
        if found:
            parts = {name: value for name, value in found.groupdict().items() if value}
            sentence = words(f"reason.{kind}", **parts) if parts else words(f"reason.{kind}")
            if "most" in parts:
                sentence += words("reason.most", most=parts["most"].replace(" and ", words("reason.and")))
            return sentence
    return reason
