"""What a strategy shows of its signals is stored with them, and the same when a decision is run again."""

from pathlib import Path

import pytest
from tests.hourly_book import SYMBOLS, LastTwoHours
from tests.session.hourly_desk import HourlyDesk, at, gone, scaled

from nightdesk.store.decision_rows import signals_of

STORED = "SELECT symbol, figures FROM nightdesk.signals WHERE as_of = %s ORDER BY symbol"


def test_figures_are_stored_by_name_and_what_is_missing_is_null(hourly_desk: HourlyDesk) -> None:
    hourly_desk.change("BAC", gone, 0)
    hourly_desk.run(0, last="signals")
    stored = dict(hourly_desk.rows(STORED, at(0)))
    assert set(stored) == set(SYMBOLS)
    assert stored["BAC"] == {"moved": None, "way": None}
    with hourly_desk.at(0) as context:
        moved = context.usable_panel().adjusted_close
        expected = dict(zip(SYMBOLS, moved[-1] / moved[-3] - 1.0, strict=False))
        read = {row["symbol"]: row["figures"] for row in signals_of(context.conn, context.book.name, at(0))}
    assert read == stored
    for symbol in set(SYMBOLS) - {"BAC"}:
        assert stored[symbol]["moved"] == expected[symbol]  # to the last bit
        assert stored[symbol]["way"] == ("up" if expected[symbol] > 0 else "down")


def test_a_sealed_decision_finds_its_figures_the_same_and_tells_others(hourly_desk: HourlyDesk) -> None:
    hourly_desk.run(0, 1)
    assert hourly_desk.run(0)[f"signals:{LastTwoHours.name}"]["differs"] == 0
    hourly_desk.rows(
        "UPDATE nightdesk.signals SET figures = jsonb_set(figures, '{moved}', '0.5') "
        "WHERE as_of = %s AND symbol = 'AAPL' RETURNING symbol",
        at(0),
    )
    assert hourly_desk.run(0)[f"signals:{LastTwoHours.name}"]["differs"] == 1


def test_newer_bars_of_an_open_decision_bring_new_figures(hourly_desk: HourlyDesk) -> None:
    hourly_desk.run(0, last="signals")
    before = dict(hourly_desk.rows(STORED, at(0)))
    hourly_desk.change("AAPL", scaled(1.01), 0)
    hourly_desk.run(0, last="signals")
    after = dict(hourly_desk.rows(STORED, at(0)))
    assert after["AAPL"]["moved"] == pytest.approx(1.01 * (1 + before["AAPL"]["moved"]) - 1, abs=1e-4)
    assert after["BAC"] == before["BAC"]


def test_what_was_injected_shows_no_figures(hourly_desk: HourlyDesk, tmp_path: Path) -> None:
    path = tmp_path / "signals.csv"
    path.write_text(
        "session,as_of,strategy,symbol,direction,confidence\n"
        f"{at(0).date()},{at(0).isoformat()},{LastTwoHours.name},BAC,STRONG_BUY,0.9\n"
    )
    hourly_desk.run(0, last="signals", inject=path)
    stored = dict(hourly_desk.rows(STORED, at(0)))
    assert stored["BAC"] is None
    assert stored["AAPL"] is not None
