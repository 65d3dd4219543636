"""The project of a desk whose one book decides by the hour, on the real hours of a market."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date
from pathlib import Path

import yaml
from tests.end_to_end.project import lay_out
from tests.hourly_book import ORIGIN, LastTwoHours, hourly_tree

BOOK = "hours_of_tests"
#: Its first session, seven hours long.
DAY = date(2019, 12, 2)

_PLUG_IN = f"""

from collections.abc import Mapping

import numpy as np

from nightdesk.strategies import Direction, Signals, Strategy, View


{inspect.getsource(LastTwoHours)}
"""


def lay_out_hours(market: Path) -> Callable[[Path], None]:
    """The usual project of a test, with the hourly book in place of its own."""

    def prepare(root: Path) -> None:
        lay_out(root)
        for path in (root / "books").glob("*.yaml"):
            path.unlink()
        settings = root / "config" / "airflow_local_settings.py"
        settings.write_text(settings.read_text() + _PLUG_IN)
        feeds = {"daily": [f"files:{market}"], "hourly": [f"files:{market}"]}
        tree = hourly_tree(feeds=feeds, origin=ORIGIN, inception=DAY)
        (root / "books" / f"{BOOK}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))

    return prepare
