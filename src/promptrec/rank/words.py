"""The words of a request that can be left out one by one."""

from __future__ import annotations

import re

from promptrec.backbone.clauses import HINTING
from promptrec.rank.lexical import RUNS, STOPWORDS

MOST = 8
# What joins words in Chinese requests and asks politely; it says nothing about what is wanted. What refuses belongs to
# the word after it, whatever it is made of.
JOINING = re.compile(
    r"(?P<refusing>[不别没](?:想要|想看|喜欢|需要|[要想看是有])*)|"
    r"(?:推荐|适合|一些|一部|一个|什么|我们|可以|希望|喜欢|想要|想看|请给|[的了和与及或在是有我你您他她请给想要把被让吗吧呢啊看找点些个部])+"
)


def pieces(request: str) -> list[tuple[int, int]]:
    """Where the first eight words of a request that say something begin and end.

    Latin words stand alone; a run of Chinese is cut at the characters that join words, which needs no dictionary.
    """
    found = []
    for run in RUNS.finditer(request):
        if run.lastgroup == "word":
            if len(run.group()) > 1 and run.group().lower() not in STOPWORDS | HINTING:
                found.append(run.span())
            continue
        start = run.start()
        between = [joining for joining in JOINING.finditer(request, *run.span()) if not joining["refusing"]]
        for joining in [*between, None]:
            end = joining.start() if joining else run.end()
            if end > start:
                found.append((start, end))
            start = joining.end() if joining else end
    return found[:MOST]
