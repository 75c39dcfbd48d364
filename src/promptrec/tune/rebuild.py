"""`prompts rebuild`: prompts of another backbone are made again from their recipes and compared with what they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt, mix
from promptrec.recommender import Recommender
from promptrec.tune.improve import improve
from promptrec.tune.objective import Objective
from promptrec.tune.profile import tune_profile
from promptrec.tune.reranker import tune_reranker
from promptrec.tune.search import search
from promptrec.tune.transfer import transfer
from promptrec.tune.tune import EXAMPLES_FILE, tune
from promptrec.tune.write import write
from promptrec.workspace import Workspace


def rebuild(recommender: Recommender, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Make the active versions of `names` again on the current backbone, with what they start from and consist of
    before them; all that belong to another backbone where None.

    Gives for each prompt its name, old and new version, old and new NDCG@10 on test people (None where there is none)
    and a note, where it could not be made. Old versions stay as they are.
    """
    library = recommender.library
    rows: dict[str, dict[str, Any]] = {}
    for name in library.names() if names is None else names:
        card = library.card(name, library.active(name))
        if names is not None or card["backbone"] != recommender.backbone.fingerprint:
            _rebuild(recommender, name, rows)
    return list(rows.values())


def _rebuild(recommender: Recommender, name: str, rows: dict[str, dict[str, Any]]) -> None:
    library = recommender.library
    version = library.active(name)
    card = library.card(name, version)
    if name in rows:
        return
    row = {"name": name, "old_version": version, "version": None, "old": _score(card), "new": None, "note": ""}
    rows[name] = row
    needed = [part["name"] for part in card.get("parts", [])] + [card["recipe"].get("start")]
    for other in filter(None, needed):
        if library.card(other, library.active(other))["backbone"] != recommender.backbone.fingerprint:
            _rebuild(recommender, other, rows)
    try:
        made = _made(recommender, card)
    except PromptrecError as error:
        row["note"] = str(error)
        return
    if library.active(name) != made.version:
        library.activate(name, made.version)
    row.update(version=made.version, new=_score(library.card(name, made.version)))


def _made(recommender: Recommender, card: dict[str, Any]) -> Prompt:
    library, name, recipe = recommender.library, card["name"], dict(card["recipe"])
    verb = recipe.pop("verb", None)
    if card["kind"] == "mix":
        parts = [(library.load(part["name"]), part["weight"]) for part in card["parts"]]
        return library.save(mix(parts, name))
    if verb is None and card["kind"] == "text":
        return write(recommender, name, card["words"])
    if verb not in MAKERS:
        raise PromptrecError(f"prompt {name!r}: its card has no recipe, so it cannot be made again; make it anew")
    if "examples" in recipe:
        recipe["examples"] = library.place(name, card["version"]) / EXAMPLES_FILE
    if "objective" in recipe:
        recipe["objective"] = Objective(**recipe["objective"])
    return MAKERS[verb](recommender, name, recipe)


def _tuned(recommender: Recommender, name: str, recipe: dict[str, Any]) -> Prompt:
    if recipe.pop("profile", False):
        return tune_profile(recommender, name, **recipe)
    if "reranker" in recipe:
        return tune_reranker(recommender, name, **recipe)
    return tune(recommender, name, **recipe)


def _searched(recommender: Recommender, name: str, recipe: dict[str, Any]) -> Prompt:
    return search(recommender, name, **recipe)


def _transferred(recommender: Recommender, name: str, recipe: dict[str, Any]) -> Prompt:
    return transfer(recommender, name, **recipe)


def _improved(recommender: Recommender, name: str, recipe: dict[str, Any]) -> Prompt:
    return improve(recommender, Workspace(recommender.library.folder.parent), name, **recipe)[0]


def _written(recommender: Recommender, name: str, recipe: dict[str, Any]) -> Prompt:
    return write(recommender, name, **recipe)


MAKERS: dict[str, Callable[[Recommender, str, dict[str, Any]], Prompt]] = {
    "write": _written,
    "tune": _tuned,
    "search": _searched,
    "transfer": _transferred,
    "improve": _improved,
}


def _score(card: dict[str, Any]) -> dict[str, float] | None:
    test = card["card"].get("test") or {}
    score: dict[str, float] | None = test.get("ndcg@10", {}).get("with")
    return score
