"""Actions that a person states, through the steps: booked in time, booked late, told where they cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import numpy as np
import pytest
import yaml
from tests.conftest import open_connection
from tests.parity.checks import same_sessions
from tests.session.small_desk import ORIGIN, SmallDesk, die, in_child, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Action
from nightdesk.operations import state_action as state_action_operation
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.run import backtest
from nightdesk.session import settle as settle_step
from nightdesk.session.tax import tax_years
from nightdesk.store.action_rows import state_action
from nightdesk.store.bar_rows import known_now
from nightdesk.store.db import Connection
from nightdesk.store.panels import read_panel


def action(
    number: int, symbol: str, kind: str, value: float = 0.0, other: str = "", cash: float = 0.0
) -> Action:
    day = np.datetime64(session(number))
    return Action(symbol, day, kind, value, other, cash, "a person: test")  # type: ignore[arg-type]


@contextmanager
def connected(desk: SmallDesk) -> Iterator[Connection]:
    with open_connection(desk.url) as conn:
        yield conn


def state(desk: SmallDesk, *actions: Action) -> None:
    with connected(desk) as conn:
        for one in actions:
            assert state_action(conn, one)


def held(desk: SmallDesk, number: int) -> dict[str, Decimal]:
    rows = desk.rows(
        "SELECT symbol, quantity FROM nightdesk.positions WHERE session = %s AND quantity <> 0",
        session(number),
    )
    return dict(rows)  # type: ignore[arg-type]


def agrees(desk: SmallDesk) -> None:
    """Broker and ledger agree, the ledger verifies, and everything that was sold is in the tax report."""
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    with connected(desk) as conn:
        assert verify(conn, "small").differences == ()


#: Every kind, on symbols that the desk holds from its second session on.
EVENTS = (
    action(2, "GLD", "return_of_capital", 1.5),
    action(2, "GLD", "capital_gain", 0.4),
    action(2, "GLD", "split", 1.04),
    action(3, "SPY", "spin_off", 0.01, "QQQ", 30.0),
    action(4, "GLD", "merger", 0.37, "SPY", 12.25),
    action(5, "SPY", "symbol_change", 3.0, "TLT"),
    action(4, "QQQ", "merger", 0.0, "", 300.0),
    action(6, "TLT", "delisting", 0.0, "", 50.0),
)


FINANCING = {"debit_rate": 0.072, "credit_rate": 0.031, "borrow_rate": 0.01}


@pytest.mark.timeout(400)
def test_every_kind_of_action_is_booked_alike_by_the_steps_and_the_backtest(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    desk.book.write_text(yaml.safe_dump(tree | {"financing": FINANCING}, sort_keys=False))
    desk.run(0)
    state(desk, *EVENTS)
    for number in range(1, 8):
        desk.run(number)
    book = load_book(desk.book)
    with connected(desk) as conn:
        panel = read_panel(conn, book, ORIGIN, session(7), known_now(conn))
        result = backtest(book, panel, session(0), session(7))
        same_sessions(result, conn)
    booked = {entry.kind for entry in result.entries}
    assert {"return_of_capital", "capital_gain", "split", "exchange", "redemption", "interest"} <= booked
    agrees(desk)


def test_a_merger_for_cash_that_is_stated_later_is_booked_late_once_and_is_a_sale(desk: SmallDesk) -> None:
    for number in range(3):
        desk.run(number)
    symbol = next(one for one in held(desk, 1) if one != "BTC-USD")
    desk.remove_bars(symbol, session(3))
    desk.run(3)
    told = desk.run(4)["settle"]
    assert f"{symbol}: no bar since {session(2)} (2 sessions)" in str(told["stale"])
    units = held(desk, 4)[symbol]
    state(desk, action(3, symbol, "merger", cash=31.5))
    settle = desk.run(5)["settle"]
    assert (settle["booked_late"], settle["late_actions"], settle.get("stale")) == (1, 0, None)
    assert symbol not in held(desk, 5)
    sold = desk.rows(
        "SELECT session, since, quantity, cash FROM nightdesk.ledger_entries WHERE kind = 'redemption'"
    )
    assert sold == [(session(5), session(3), -units, units * Decimal("31.50"))]
    assert desk.run(6)["settle"]["booked_late"] == 0
    agrees(desk)
    with connected(desk) as conn:
        disposals = tax_years(conn, load_book(desk.book)).ledger.disposals
    mine = [one for one in disposals if one.symbol == symbol and one.reference.endswith("-late")]
    assert sum(one.proceeds for one in mine) == units * Decimal("31.50")
    stale = desk.rows("SELECT session, symbol, sessions FROM nightdesk.stale_holdings ORDER BY 1")
    assert stale == [(session(3), symbol, 1), (session(4), symbol, 2)]


def test_a_settle_that_is_killed_over_a_late_action_books_it_once(desk: SmallDesk) -> None:
    for number in range(3):
        desk.run(number)
    symbol = next(one for one in held(desk, 1) if one != "BTC-USD")
    state(desk, action(2, symbol, "return_of_capital", 1.0))
    desk.run_steps(3, "ingest", "quality")

    def killed() -> None:
        settle_step.saving = die  # type: ignore[assignment]
        desk.run_steps(3, "settle", "settle")

    assert in_child(killed) == -9
    desk.run_steps(3, "settle", "settle")
    desk.run_steps(3, "settle", "settle")
    rows = desk.rows("SELECT count(*) FROM nightdesk.ledger_entries WHERE kind = 'return_of_capital'")
    assert rows == [(1,)]
    agrees(desk)


def test_a_late_action_whose_units_were_sold_is_told_and_not_booked(desk: SmallDesk) -> None:
    for number in range(3):
        desk.run(number)
    symbol = next(one for one in held(desk, 1) if one != "BTC-USD")
    state(desk, action(3, symbol, "merger", cash=31.5))
    desk.run(3)
    state(desk, action(2, symbol, "dividend", 0.5))
    settle = desk.run(4)["settle"]
    assert (settle["booked_late"], settle["late_actions"]) == (0, 1)
    [(level, body)] = desk.rows("SELECT level, body FROM nightdesk.alerts WHERE subject LIKE '%%too late%%'")
    assert level == "CRITICAL"
    assert "what was held then was sold since" in str(body)
    assert f"replay small --from {session(2)} --rebuild" in str(body)
    assert desk.run(5)["settle"]["late_actions"] == 0, "told once"


def test_an_action_that_is_stated_again_or_taken_back_after_its_booking_is_told(desk: SmallDesk) -> None:
    for number in range(2):
        desk.run(number)
    symbol = next(one for one in held(desk, 1) if one != "BTC-USD")
    state(desk, action(2, symbol, "dividend", 0.5))
    desk.run(2)
    state(desk, action(2, symbol, "dividend", 0.75))
    assert desk.run(3)["settle"]["late_actions"] == 1
    with connected(desk) as conn:
        state_action_operation.withdraw(conn, "dividend", symbol, session(2), "a person: never mind")
    assert desk.run(4)["settle"]["late_actions"] == 1
    bodies = [str(body) for (body,) in desk.rows("SELECT body FROM nightdesk.alerts ORDER BY alert_id")]
    assert "it was booked at 0.5, and is 0.75 now" in bodies[0]
    assert "it was booked, and the dividend is not known any more" in bodies[1]


def test_a_new_symbol_that_the_book_does_not_name_stops_the_settling_with_what_to_do(desk: SmallDesk) -> None:
    for number in range(2):
        desk.run(number)
    symbol = next(one for one in held(desk, 1) if one != "BTC-USD")
    state(desk, action(2, symbol, "symbol_change", 1.0, "NEW"))
    with pytest.raises(
        Refused, match=f"{symbol} became NEW .* put NEW into its universe, or settle it in cash"
    ):
        desk.run(2)
    with connected(desk) as conn:
        state_action_operation.withdraw(conn, "symbol_change", symbol, session(2), "a person: in cash then")
    state(desk, action(2, symbol, "delisting", cash=50.0))
    desk.run(2)
    assert symbol not in held(desk, 2)
    agrees(desk)
