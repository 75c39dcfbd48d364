from __future__ import annotations

from pathlib import Path

import pytest

from promptrec.data.mapping import DataMapping, load_mapping
from promptrec.data.templates import SCENARIOS, write_template
from promptrec.errors import NotFoundError, PromptrecError


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_template_is_a_mapping_that_explains_every_key(scenario: str, tmp_path: Path) -> None:
    file = write_template(scenario, tmp_path)
    told = load_mapping(file)
    assert told.name == scenario
    assert set(told.files()) >= {"events", "items"}
    text = file.read_text(encoding="utf-8")
    for section in DataMapping.model_fields:
        assert f"{section} = " in text or f"[{section}" in text
    for section in ("events", "items", "users", "cleaning"):
        for key in type(getattr(told, section)).model_fields:
            assert f"{key} = " in text or f"[{section}.{key}]" in text or section == "users", f"{section}.{key}"
    switched_on = "\n".join(
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in text.splitlines()
    )
    for name in [*told.files().values(), tmp_path / "users.csv"]:
        name.touch()
    (tmp_path / "all.toml").write_text(switched_on, encoding="utf-8")
    load_mapping(tmp_path / "all.toml")
    with pytest.raises(PromptrecError, match="is there already"):
        write_template(scenario, tmp_path)


def test_an_unknown_scenario_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there are shop, courses, answers, social, movies"):
        write_template("bank", tmp_path)
