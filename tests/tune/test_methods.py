from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from promptrec.cli.tune import show_made
from promptrec.data.scenario import match
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.tune.directions import directions
from promptrec.tune.objective import Objective, miscalibration
from promptrec.tune.score import ndcg_per_example
from promptrec.tune.start import Tunable, start_of
from promptrec.tune.task import task_of
from promptrec.tune.tune import descent_of, tune
from promptrec.tune.validation import LastLayer, Questions, on_each

EVEN_FILMS = "rating = 5"


def gain(recommender: Recommender, prompt: Prompt) -> float:
    split = recommender.split
    people = np.concatenate([split.validation, split.test])
    asked = split.matching(people, match(recommender.dataset, EVEN_FILMS))
    without, steered = (ndcg_per_example(recommender.backbone, asked, p).mean() for p in (None, prompt))
    return float(steered - without)


@pytest.fixture(scope="module")
def base(with_room: Recommender) -> Prompt:
    return tune(with_room, "shared-base", "rating > 0", method="prefix")


@pytest.mark.parametrize("method", ["directions", "shift", "input", "prefix", "last-prefix", "low-rank"])
def test_each_method_learns_the_scenario_and_keeps_what_it_learnt(
    with_room: Recommender, base: Prompt, method: str
) -> None:
    start = base.name if method == "low-rank" else None
    prompt = tune(with_room, f"method-{method}", EVEN_FILMS, method=method, start=start)
    assert gain(with_room, prompt) > 0.02
    again = with_room.library.load(prompt.name)
    history, _ = with_room.catalogue.history(["C0", "C1"])
    one, other = (with_room.backbone.score([Query(history=history, prompt=p)]) for p in (prompt, again))
    assert np.array_equal(one, other)


def test_a_prefix_at_the_last_layer_leaves_the_words_as_they_are(with_room: Recommender) -> None:
    """And what is computed of histories read once is what the whole network makes of them."""
    spoken = start_of(with_room, "late", "war", (), None)
    task = task_of(with_room, EVEN_FILMS, None, 200, 0)
    found = descent_of(with_room, task, spoken, "last-prefix", Objective(), 0).prompt
    assert found.tensors["prefix"].shape[0] == 1
    loud = found.tensors["shift"].norm() / spoken.prompt.tensors["shift"].norm()
    assert torch.allclose(found.tensors["shift"], loud * spoken.prompt.tensors["shift"], atol=1e-6)
    histories = [history.last(n % 9) for n, history in enumerate(task.validation)]
    backbone, tensors = with_room.backbone, dict(found.tensors)
    encoded = LastLayer(backbone, histories).encoded(tensors["prefix"])
    whole = backbone.queries(histories, on_each(tensors, len(histories)))
    shifted = torch.nn.functional.pad(encoded, (0, whole.shape[1] - encoded.shape[1])) + tensors["shift"]
    torch.testing.assert_close(shifted, whole, rtol=1e-4, atol=1e-5)
    assert (whole - backbone.queries(histories, {}) - tensors["shift"]).abs().max() > 0.01


def test_questions_rank_a_prefix_at_the_last_layer_as_everybody_does(with_room: Recommender) -> None:
    task = task_of(with_room, EVEN_FILMS, None, 200, 0)
    found = descent_of(with_room, task, start_of(with_room, "late", None, (), None), "last-prefix", Objective(), 0)
    asked = Questions(with_room.backbone, task.validation)
    assert np.array_equal(asked.ndcg(found.prompt), ndcg_per_example(with_room.backbone, task.validation, found.prompt))


def test_many_examples_are_given_more_steps_whose_mean_is_kept(
    with_room: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[Tunable.__module__], "MANY", 10)
    task = task_of(with_room, EVEN_FILMS, None, 200, 0)
    found = descent_of(with_room, task, start_of(with_room, "many", None, (), None), "last-prefix", Objective(), 0)
    assert [point["step"] for point in found.curve[:3]] == [0, 40, 80]
    assert gain(with_room, found.prompt) > 0.02


def test_a_prefix_of_all_layers_is_not_cut_to_the_last(with_room: Recommender, base: Prompt) -> None:
    with pytest.raises(PromptrecError, match="prefix of prompt 'cut' enters 2 layers; go on with --method prefix"):
        tune(with_room, "cut", EVEN_FILMS, method="last-prefix", start=base.name)


def test_each_direction_lifts_what_it_is_called(recommender: Recommender) -> None:
    names, along = directions(recommender)
    catalogue = recommender.catalogue
    lifts = (recommender.backbone.encode_items() @ along.T).numpy()
    numbers = catalogue.items["number"].to_numpy()
    assert np.corrcoef(lifts[:, names.index("number")], numbers)[0, 1] > 0.5
    war = np.array(["War" in words for words in catalogue.words_of("genres")])
    assert np.array_equal(lifts[:, names.index("genres: War")] > 0.5, war)
    assert {"popularity", "mean value"} <= set(names)


def test_among_candidates_only_they_are_learnt(recommender: Recommender) -> None:
    """Within one genre there is nothing to learn from its name; what people give five stars there is left to learn."""
    war = np.flatnonzero([("War" in words) for words in recommender.catalogue.words_of("genres")])
    task = task_of(recommender, f"{EVEN_FILMS} AND array_contains(genres, 'War')", None, None, 0)
    silent = start_of(recommender, "among", None, (), None)
    found = descent_of(recommender, task, silent, "directions", Objective(), 0, war)
    without, steered = (
        ndcg_per_example(recommender.backbone, task.test, prompt, war).mean() for prompt in (None, found.prompt)
    )
    assert steered > without


def test_low_rank_prompts_are_smaller_than_their_shared_base(with_room: Recommender, base: Prompt) -> None:
    prompt = tune(with_room, "small", EVEN_FILMS, method="low-rank", start=base.name)
    sizes = [with_room.library.card(p.name, p.version)["bytes"] for p in (prompt, base)]
    assert sizes[0] < sizes[1] / 2
    assert prompt.words == f"{EVEN_FILMS}, from {base.name}"
    with pytest.raises(PromptrecError, match="is a part of"):
        with_room.library.delete(base.name)


def test_a_start_at_items_lifts_items_like_them_before_any_step(recommender: Recommender) -> None:
    start = start_of(recommender, "from-items", None, ["W0", "W3", "W6"], None)
    prompt = Tunable(recommender.backbone, start, "shift", 0).prompt()
    history, _ = recommender.catalogue.history(["C0", "C1"])
    plain, steered = recommender.backbone.score([Query(history=history), Query(history=history, prompt=prompt)])
    war = [recommender.catalogue.row(f"W{n}") for n in range(15)]
    assert (steered - plain)[war].mean() > (steered - plain).mean() + 0.1


def top_ten(recommender: Recommender, prompt: Prompt | None) -> np.ndarray:
    from promptrec.tune.score import ranking_of

    split = recommender.split
    everything = np.ones(len(split.histories.rows), dtype=bool)
    return ranking_of(recommender.backbone, split.matching(split.test, everything), prompt).top


@pytest.mark.parametrize(
    "weights", [{"value": 3.0, "column": "number"}, {"novelty": 3.0}, {"variety": 10.0, "relevance": 0.0}]
)
def test_an_objective_moves_what_its_name_says(recommender: Recommender, weights: dict[str, object]) -> None:
    prompt = tune(recommender, "objective", "rating > 0", objective=Objective(**weights))  # type: ignore[arg-type]
    metric = {"value": "value@10", "novelty": "novelty@10", "variety": "diversity@10"}[next(iter(weights))]
    assert prompt.card["test"][metric]["difference"]["low"] > 0
    assert next(iter(weights)) in str(prompt.card["objective"])


def test_calibration_gives_back_the_proportions_of_the_history(recommender: Recommender) -> None:
    """The words `war` bring war films to everybody; calibrated alone, everybody gets the kind of their history."""
    objective = Objective(relevance=0, calibration=1)
    prompts = [
        recommender.requests.prompt("war"),
        tune(recommender, "calibrated", "rating > 0", "war", objective=objective),
    ]
    asked = [recommender.catalogue.history(ids)[0] for ids in (["C0", "C1", "C2"], ["R4", "R5", "R6"])]
    kept = []
    for prompt in prompts:
        scores = recommender.backbone.score([Query(history=history, prompt=prompt) for history in asked])
        top = np.argsort(-scores, axis=1)[:, :10]
        kept.append(
            [
                np.mean([recommender.catalogue.ids[row][0] == kind for row in own])
                for kind, own in zip("CR", top, strict=True)
            ]
        )
    assert max(kept[0]) < 0.5 < 0.9 < min(kept[1])
    assert prompts[1].card["test"]["miscalibration@10"]["difference"]["high"] < 0


def test_lists_in_the_proportions_of_the_history_are_not_miscalibrated() -> None:
    """Half of two words each, against a list that is all of one: the shares of the list are smoothed by .01."""
    wanted = torch.tensor([[3.0, 3.0], [3.0, 3.0]])
    found = miscalibration(torch.tensor([[5.0, 5.0], [10.0, 0.0]]), wanted)
    assert found.tolist() == pytest.approx([0.0, 0.5 * np.log(0.5 / 0.995) + 0.5 * np.log(0.5 / 0.005)], abs=1e-6)


def test_what_was_asked_for_is_printed_beside_relevance(
    recommender: Recommender, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = tune(recommender, "printed", "rating > 0", method="shift", objective=Objective(novelty=1, calibration=1))
    show_made(prompt, as_json=False)
    printed = [line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("test people:")]
    assert printed == ["NDCG@10", "novelty@10", "miscalibration@10"]


@pytest.mark.parametrize(
    ("lines", "roles"),
    [
        (["user,item", *(f"p{n},{k}{i}" for n in range(90) for k in "CWR"[n % 3] for i in (0, 4))], True),
        (["history,item", *(f"C{i} C{i + 1},C{i + 2}" for i in range(13))], False),
    ],
)
def test_a_file_of_examples_is_learnt_and_kept(
    recommender: Recommender, tmp_path: Path, lines: list[str], roles: bool
) -> None:
    file = tmp_path / "wanted.csv"
    if roles:
        histories = recommender.split.histories
        there = {(u, recommender.catalogue.ids[r]) for p, u in enumerate(histories.users) for r in histories.of(p).rows}
        lines = [lines[0], *(line for line in lines[1:] if tuple(line.split(",")) in there)]
    file.write_text("\n".join(lines))
    prompt = tune(recommender, "from-file", examples=file)
    assert prompt.card["examples"] > 5
    assert (prompt.card["test"] is not None) == roles
    folder = recommender.library.place(prompt.name, prompt.version)
    assert (folder / "examples.csv").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["colour,item", "red,C0"], "found colour, item"),
        (["user,item", "p0,C0", "nobody,C1"], "line 3: the dataset has no event of user 'nobody'"),
        (["history,item", *["C0 C1,C2"] * 6, "C0 nothing,C2"], "line 8: item 'nothing' is not in the catalogue"),
        (["history,item", "C0 C1,C2"], "at least 5"),
        ([], "found no line"),
    ],
)
def test_a_bad_file_of_examples_is_named(recommender: Recommender, tmp_path: Path, lines: list[str], says: str) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("\n".join(lines))
    with pytest.raises(PromptrecError, match=says):
        tune(recommender, "bad-file", examples=file)
    assert "bad-file" not in recommender.library.names()


def people(recommender: Recommender, role: str) -> str:
    users = [recommender.split.histories.users[person] for person in getattr(recommender.split, role)]
    return '"user" IN (' + ", ".join(f"'{user}'" for user in users) + ")"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scenario": "test"}, "only people kept out of training match"),
        ({"scenario": "training"}, "no validation person"),
        ({"scenario": EVEN_FILMS, "method": "magic"}, "expected one of directions, shift"),
        ({"scenario": EVEN_FILMS, "method": "low-rank"}, "name one tuned with --method prefix by --start"),
        ({"scenario": EVEN_FILMS, "text": "war", "start": "x"}, "found --text and --start"),
        ({"scenario": EVEN_FILMS, "start": "nowhere"}, "not in this workspace"),
        ({"scenario": EVEN_FILMS, "items": ["C0", "gone"]}, "'gone' is not in the catalogue"),
        ({"scenario": EVEN_FILMS, "limit": 0}, "--limit"),
        ({"scenario": EVEN_FILMS, "examples": "x.csv"}, "one of the two"),
        ({}, "one of the two"),
    ],
)
def test_what_cannot_work_is_refused_and_leaves_nothing(
    recommender: Recommender, arguments: dict[str, object], says: str
) -> None:
    scenario = arguments.get("scenario")
    if scenario in ("test", "training"):
        arguments = {"scenario": people(recommender, str(scenario))}
    with pytest.raises(PromptrecError, match=says):
        tune(recommender, "refused", **arguments)  # type: ignore[arg-type]
    assert "refused" not in recommender.library.names()


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"value": 1.0}, "needs the column"),
        ({"value": 1.0, "column": "margin"}, "no column 'margin'"),
        ({"value": 1.0, "column": "genres"}, "holds no differing numbers"),
        ({"relevance": 0.0}, "nothing to tune for"),
        ({"novelty": -1.0}, "weight of novelty"),
    ],
)
def test_an_objective_without_sense_is_refused(recommender: Recommender, weights: dict[str, object], says: str) -> None:
    with pytest.raises(PromptrecError, match=says):
        tune(recommender, "refused", EVEN_FILMS, objective=Objective(**weights))  # type: ignore[arg-type]


def test_a_limit_draws_with_the_seed(recommender: Recommender) -> None:
    first, again = (tune(recommender, "limited", EVEN_FILMS, limit=20, method="shift", seed=3) for _ in range(2))
    assert first.card["examples"] == 20
    assert first.card["curve"] == again.card["curve"]


def test_the_card_reads_what_the_prompt_does(with_room: Recommender) -> None:
    prompt = tune(with_room, "war-page", "array_contains(genres, 'War')", method="shift")
    reading = prompt.card["reading"]
    assert reading["nearest_requests"][0][0] == "war"
    assert reading["attributes_lifted"][0][0] == "genres: War"
    assert all(title.startswith("War") for title, _ in reading["items_lifted"])
    folder = with_room.library.place("war-page", prompt.version)
    text = (folder / "card.md").read_text()
    for part in ("Scores on test people", "genres: War", "1 relevance", "small-world", "bytes", prompt.backbone[:16]):
        assert part in text
    assert set(json.loads((folder / "card.json").read_text())["hashes"]) == {"prompt.safetensors", "card"}
