"""Whatever is imported first, the package's own plug-ins stay its own."""

import importlib
import sys
from pathlib import Path

import pytest
from tests.plug_ins.conftest import Home, strategy
from tests.plug_ins.test_plug_ins import run

import nightdesk
from nightdesk.plug_ins import ROOMS

ALONE = """
import importlib, sys
from nightdesk.core.errors import Refused
from nightdesk.core.plug_in import known, search
importlib.import_module(sys.argv[1])
faults = search()[1:]
assert len(faults) == 1, faults
from nightdesk.strategies import make, names
assert "rotation" in names() and make("rotation")
assert [one.entered for one in known()] == [[("strategy", "mine")]]
"""


@pytest.mark.parametrize("room", ["nightdesk", "nightdesk.risk", "nightdesk.feeds"])
def test_a_file_that_fails_takes_nothing_of_the_package_with_it(home: Home, room: str) -> None:
    home.write("a.py", strategy("gone", "1 / 0"))
    home.write("b.py", strategy("mine"))
    (home.root / "alone.py").write_text(ALONE)
    done = run(home, "alone", room)
    assert done.returncode == 0, done.stderr


def test_a_registry_of_the_package_that_is_missing_in_rooms_is_noticed() -> None:
    """Every module that makes a registry is imported by one of them."""
    root = Path(nightdesk.__file__).parent
    makers = {
        ".".join(("nightdesk", *path.relative_to(root).with_suffix("").parts))
        for path in root.rglob("*.py")
        if "] = Registry(" in path.read_text()
    }
    for room in ROOMS:
        importlib.import_module(room)
    assert len(makers) >= 9
    assert makers <= set(sys.modules)
