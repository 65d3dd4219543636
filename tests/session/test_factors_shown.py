"""Factors that a book shows and entries that its conditions hold back: on the page, in status, in a trace."""

from typing import Any

import numpy as np
import pytest
import yaml
from tests.session.small_desk import SmallDesk, instant

from nightdesk.cli.status_commands import _standing
from nightdesk.cli.status_lines import told
from nightdesk.core.errors import Refused
from nightdesk.factors import compute
from nightdesk.operations.trace import trace
from nightdesk.session.books import read_book
from nightdesk.store.decision_rows import read_factors

SHOWN = ["rsi_9", "ta.mfi(9)", "momentum_390"]
#: The volatility index is at 18 or so: nothing is entered.
CALM = "vix < 10"


def say(desk: SmallDesk, **keys: Any) -> None:
    """Put keys into the book's file; None takes one out."""
    tree = yaml.safe_load(desk.book.read_text()) | keys
    kept = {name: value for name, value in tree.items() if value is not None}
    desk.book.write_text(yaml.safe_dump(kept, sort_keys=False))


def page_of(desk: SmallDesk, number: int) -> str:
    [(html,)] = desk.rows("SELECT html FROM nightdesk.reports WHERE as_of = %s", instant(number))
    return str(html)


def test_the_page_and_status_show_the_factors_as_they_were_stored(desk: SmallDesk) -> None:
    before = read_book(desk.book).config_hash
    say(desk, report={"factors": SHOWN})
    assert read_book(desk.book).config_hash == before, "what is shown decides nothing"
    desk.run(0)
    html = page_of(desk, 0)
    with desk.at(0) as context:
        panel, book = context.usable_panel(), context.book
        values = compute(panel, SHOWN, benchmark=book.benchmark, universe=len(book.symbols))
        stored = read_factors(context.conn, book.name, context.as_of, book.symbols)
    for name in SHOWN:
        assert f">{name}</th>" in html
        np.testing.assert_array_equal(stored[name], values[name][-1, : len(book.symbols)])
    assert f"{values['rsi_9'][-1, 0]:.6g}" in html
    assert np.isnan(values["momentum_390"][-1]).all(), "the book has no such long past"
    assert html.count(">missing</td>") == len(book.symbols)
    with desk.connection() as conn:
        found = _standing(conn, "small", None)
    first = book.symbols[0]
    assert found["factors"][first]["rsi_9"] == values["rsi_9"][-1, 0]
    assert found["factors"][first]["momentum_390"] is None
    lines = "\n".join(told([found], [], []))
    assert "ta.mfi(9)" in lines
    assert "missing" in lines


def test_a_sealed_session_keeps_its_factors_whatever_the_book_shows_since(desk: SmallDesk) -> None:
    say(desk, report={"factors": ["rsi_9"]})
    desk.run(0)
    say(desk, report={"factors": ["ta.mfi(9)"]})
    counts = desk.run(0)["factors"]
    assert counts["sealed"]
    assert counts["differs"] == 0
    desk.run(1)
    with desk.connection() as conn:
        first, second = (read_factors(conn, "small", instant(n), ["SPY"]) for n in (0, 1))
    assert ("rsi_9" in first, "ta.mfi(9)" in first) == (True, False)
    assert ("rsi_9" in second, "ta.mfi(9)" in second) == (False, True)


def test_an_entry_that_a_condition_holds_back_is_told_with_its_values(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    say(desk, portfolio=(tree.get("portfolio") or {}) | {"entry_condition": CALM})
    counts = desk.run(0)
    barred = int(counts["targets"]["barred"])
    assert barred > 0
    assert counts["orders"]["orders"] == 0
    rows = desk.rows("SELECT strategy, symbol, words FROM nightdesk.dropped_entries ORDER BY symbol")
    assert len(rows) == barred
    _, symbol, words = rows[0]
    with desk.at(0) as context:
        vix = float(context.checked().day(returns=False).last_close[-1])
        story = trace(context, str(symbol))
    assert words == f"entry_condition vix < 10 does not hold (vix {vix:g})"
    assert [row["words"] for row in story["dropped"]] == [words]
    assert [row["why"] for row in story["targets"]] == ["a condition on entries does not hold"]
    html = page_of(desk, 0)
    assert "Dropped before the gate" in html
    assert f"entry_condition vix &lt; 10 does not hold (vix {vix:g})" in html


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rsy_14", "report.factors: there is no factor 'rsy_14'"),
        ("macro_DGS10", "feeds.macro: missing, and the factor macro_DGS10 is asked for"),
        ("h:rsi_14", "schedule: found daily, and factors over hours are asked for"),
    ],
)
def test_a_factor_that_cannot_be_shown_is_refused_with_the_book(
    name: str, words: str, desk: SmallDesk
) -> None:
    say(desk, report={"factors": [name]})
    with pytest.raises(Refused) as refused:
        read_book(desk.book)
    assert words in str(refused.value)
