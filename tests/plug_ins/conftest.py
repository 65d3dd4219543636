"""A project with a folder of plug-ins, from which nothing has been imported yet."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightdesk import plug_ins

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT / "docs" / "templates"

#: What a book may say beside its strategies is left at its defaults.
BOOK: dict[str, Any] = {
    "name": "two_funds",
    "title": "Stocks and bonds",
    "initial_capital": 50_000.0,
    "broker": {"kind": "paper", "account": "paper-two-funds"},
    "universe": {"SPY": {"max_weight": 0.6}, "TLT": {"max_weight": 0.6}},
    "strategies": {"time_series_momentum": {"share": 1.0}},
    "regime": [{"name": "ANY"}],
    "limits": {"max_weight": {}},
    "quality": {"failed_share": 0.5},
}


class Home:
    """A project of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.own = root / "plugins" / "own"
        self.own.mkdir(parents=True)
        (root / "books").mkdir()
        (root / "sql").symlink_to(PROJECT / "sql")

    def write(self, name: str, text: str) -> Path:
        """A plug-in of the user's."""
        path = self.own / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def copy(self, *names: str) -> None:
        """Templates, copied as the docs say."""
        for name in names:
            shutil.copy(TEMPLATES / f"{name}.py", self.own)

    def book(self, name: str = "two_funds", **changed: Any) -> Path:
        """A book that says something else than `BOOK`."""
        path = self.root / "books" / f"{name}.yaml"
        account = {"kind": "paper", "account": f"paper-{name}"}
        path.write_text(yaml.safe_dump(BOOK | {"name": name, "broker": account} | changed, sort_keys=False))
        return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    root = tmp_path / "project"
    monkeypatch.setenv("NIGHTDESK_ROOT", str(root))
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "state"))
    plug_ins.forget()
    yield Home(root)
    plug_ins.forget()


def strategy(name: str, then: str = "") -> str:
    """The text of a file with a strategy, and what it does besides."""
    return (
        "from nightdesk.strategies import register\n"
        "from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum\n"
        "@register\n"
        "class Own(TimeSeriesMomentum):\n"
        f"    name = {name!r}\n"
        f"{then}\n"
    )
