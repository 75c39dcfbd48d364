"""GET and PUT /v1/prompts, activate and roll back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from promptrec.errors import PromptrecError
from promptrec.prompt.library import PromptLibrary
from promptrec.serve.engine.engine import Engine
from promptrec.serve.schemas import ActivateIn, PromptIn, PromptOut, PromptsOut
from promptrec.serve.schemas.base import PromptName

Version = Annotated[int, Path(ge=1, le=1_000_000_000)]


def prompt_routes(engine: Engine) -> APIRouter:
    routes = APIRouter(prefix="/v1/prompts", tags=["prompts"])
    library = PromptLibrary(engine.workspace.prompts)

    def card(name: str, version: int) -> PromptOut:
        document: dict[str, Any] = library.card(name, version)
        return PromptOut.model_validate({**document, "active": version == library.active(name)})

    @routes.get("", summary="The saved prompts")
    def prompts() -> PromptsOut:
        return PromptsOut(prompts=[PromptOut.model_validate(one) for one in engine.current.recommender.prompts()])

    @routes.get("/{name}", summary="The versions of a prompt with their cards, oldest first")
    def versions(name: PromptName) -> PromptsOut:
        return PromptsOut(prompts=[card(name, version) for version in library.versions(name)])

    @routes.get("/{name}/{version}", summary="The card of one version")
    def version(name: PromptName, version: Version) -> PromptOut:
        return card(name, version)

    @routes.put("/{name}", summary="Save words as the next version of a prompt")
    def put(name: PromptName, body: PromptIn) -> PromptOut:
        saved = library.save(engine.current.requests.prompt(body.text, name))
        if body.activate:
            library.activate(name, saved.version)
        engine.releases.refresh()
        return card(name, saved.version)

    @routes.post("/{name}/activate", summary="Let a name resolve to one of its versions")
    def activate(name: PromptName, body: ActivateIn) -> PromptOut:
        library.activate(name, body.version)
        engine.releases.refresh()
        return card(name, body.version)

    @routes.post("/{name}/rollback", summary="Let a name resolve to the version before the active one")
    def rollback(name: PromptName) -> PromptOut:
        active = library.active(name)
        before = [version for version in library.versions(name) if version < active]
        if not before:
            raise PromptrecError(f"prompt {name!r}: version {active} is active and there is none before it")
        library.activate(name, before[-1])
        engine.releases.refresh()
        return card(name, before[-1])

    return routes
