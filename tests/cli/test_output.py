"""How commands speak."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from nightdesk.cli import output


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("101250.40"), 101250.4),
        (float("nan"), None),
        (Decimal("NaN"), None),
        (np.float64(0.1), 0.1),
        (np.float64("inf"), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (date(2022, 12, 30), "2022-12-30"),
        (datetime(2022, 12, 30, 21, tzinfo=UTC), "2022-12-30T21:00:00+00:00"),
        (Path("a/b"), "a/b"),
        ({1: (Decimal(1), None)}, {"1": [1.0, None]}),
        (True, True),
    ],
)
def test_every_value_becomes_one_that_json_knows(value, expected):
    found = output.plain(value)
    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_a_table_aligns_its_columns_and_figures_to_the_right():
    lines = list(output.table(["symbol", "value"], [["SPY", "1.00"], ["BTC-USD", "12.50"]], right=["value"]))
    assert lines == ["symbol   value", "SPY       1.00", "BTC-USD  12.50"]


def test_a_table_without_rows_is_its_heads():
    assert list(output.table(["a", "b"], [])) == ["a  b"]


def test_no_progress_is_shown_where_nobody_watches(capfd):
    with output.progress("working", 2) as advance:
        advance()
    assert capfd.readouterr() == ("", "")


def test_progress_is_shown_to_a_person_who_watches(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with output.progress("working", 2) as advance:
        advance()
        advance()
    assert "working" in screen.getvalue()
