"""Which languages the catalogue's texts are in, by script and, among Latin letters, by the commonest small words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import polars as pl

_SAMPLE = 2_000  # texts
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_SCRIPTS = (  # the first that is found decides: Japanese is written with Chinese characters too
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", _CHINESE),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_WORDS = {
    "en": "the and of in to is with for on a this that from by an are",
    "de": "der die das und ist mit für von den dem ein eine nicht auf im zu",
    "fr": "le la les et est un une des du dans pour avec que sur au aux",
    "es": "el la los las y es un una del de para con que por en se",
    "pt": "o os as e um uma do da dos das para com que não em no na",
    "it": "il lo gli e è un una del della di per con che non nel alla",
    "nl": "de het een en van is met voor niet op dat zijn in te aan",
}
_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}
UNKNOWN = "unknown"


def written_in_chinese(text: str) -> bool:
    """Whether it has a Chinese character."""
    return _CHINESE.search(text) is not None


def mostly_chinese(texts: Iterable[str]) -> bool:
    """Whether more than half of those that say anything have a Chinese character."""
    there = [written_in_chinese(text) for text in texts if text.strip()]
    return 2 * sum(there) > len(there)


def language(text: str) -> str:
    """The ISO 639-1 code, or "unknown" where too little speaks for one."""
    for code, script in _SCRIPTS:
        found = len(script.findall(text))
        if found and (found >= 2 or len(text) <= 4):
            return code
    words = re.findall(r"[^\W\d_]+", text.lower())
    scores = Counter({code: sum(word in common for word in words) for code, common in _COMMON.items()})
    (best, most), (_, second) = scores.most_common(2)
    return best if most > second else UNKNOWN


def languages(items: pl.DataFrame) -> dict[str, float]:
    """The share of each language among the texts (title and description) of up to 2,000 items, spread evenly."""
    columns = [name for name in ("title", "description") if name in items.columns]
    if not columns:
        return {}
    texts = items.select(pl.concat_str(columns, separator=". ", ignore_nulls=True)).to_series()
    texts = texts.filter(texts.str.strip_chars() != "")
    if texts.is_empty():
        return {}
    sample = texts.gather_every(max(1, len(texts) // _SAMPLE)).head(_SAMPLE).to_list()
    counted = Counter(language(text) for text in sample)
    return {code: count / len(sample) for code, count in counted.most_common()}
