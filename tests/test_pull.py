from __future__ import annotations

from pathlib import Path

import pytest

from promptrec.data.dataset import Dataset
from promptrec.data.importing import import_dataset
from promptrec.errors import PromptrecError
from promptrec.pull import pull
from promptrec.serve.store import StoredEvent, open_store
from promptrec.workspace import Workspace


def test_live_events_are_added_once(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    file = tmp_path / "e.csv"
    file.write_text("user,item,time\nu,a,10\nu,b,30\n")
    import_dataset(workspace, file)
    with pytest.raises(PromptrecError, match="there are no live events here"):
        pull(workspace)
    store = open_store(f"sqlite:///{workspace.state.absolute()}")
    store.append([StoredEvent("u", "a", "view", None, 20.0), StoredEvent("new", "c", "rating", 4.0, 5.5)])
    assert pull(workspace) == 2
    assert pull(workspace) == 0
    store.append([StoredEvent("u", "a", "view", None, 40.0)])
    assert pull(workspace) == 1
    store.close()
    dataset = Dataset.load(workspace.dataset)
    assert dataset.events.select("user", "item", "time", "kind", "value").rows() == [
        ("u", "a", 10.0, "view", None),
        ("u", "a", 20.0, "view", None),
        ("u", "b", 30.0, "view", None),
        ("u", "a", 40.0, "view", None),
        ("new", "c", 5.5, "rating", 4.0),
    ]
    assert dataset.catalogue.ids == ("a", "b", "c")
    assert dataset.manifest["pulled"] == {"state.db": 3}


def test_without_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(PromptrecError, match="there is no dataset"):
        pull(Workspace(tmp_path))
