"""`prompts write`: a sentence, with or without slots, becomes a prompt with a name."""

from __future__ import annotations

from dataclasses import replace

from promptrec.prompt.library import check_name
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.slots import has_slots
from promptrec.recommender import Recommender


def write(recommender: Recommender, name: str, text: str) -> Prompt:
    """Save `text` as the next version of `name`. Slots are filled from each person's history when it is used.

    Raises PromptrecError for a bad name, or an empty or overlong sentence.
    """
    check_name(name)
    prompt = recommender.requests.prompt(text, name)
    if has_slots(text):
        prompt = replace(prompt, tensors={})  # what it says depends on the person
    return recommender.library.save(replace(prompt, recipe={"verb": "write", "text": text}))
