"""What the gate is told of a taxpayer's trades: over all of its books, kept for a session that is sealed."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.conftest import open_connection
from tests.parity import taking_turns
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.accounting.tax import TaxView
from nightdesk.operations.replay import rewind
from nightdesk.store.db import cursor
from nightdesk.store.tax_rows import read_tax_view

UNIVERSE = {symbol: {"max_weight": 0.3} for symbol in ("SPY", "QQQ", "GLD", "TLT")}

#: The session with which the second book begins.
LATER = 4


def by_turns(desk: SmallDesk, name: str, strategy: str, taxpayer: str, inception: date) -> SmallDesk:
    """A book on the desk's database that buys ten units on one day and sells them on the next.

    What it has lost on it does not buy again.
    """
    tree = yaml.safe_load(Path(desk.book).read_text()) | taking_turns.BOOK
    tree |= {
        "name": name,
        "inception": inception,
        "broker": {"account": f"paper-{name}"},
        "universe": UNIVERSE,
        "strategies": {strategy: {"share": 0.4, "sizing": taking_turns.TenUnits.name}},
        "limits": {"max_weight": {}, "wash_sale": {"purchases": "refuse"}},
        "tax": {"taxpayer": taxpayer},
    }
    path = desk.book.parent / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return SmallDesk(desk.url, path, desk.bars)


def wants_on(day: date) -> str:
    """The strategy that buys on a day."""
    days = (day - date(1970, 1, 1)).days
    return taking_turns.OddDays.name if days % 2 else taking_turns.EvenDays.name


def pair(make_desk: Callable[[], SmallDesk], *taxpayers: str) -> tuple[SmallDesk, SmallDesk]:
    """A book that trades until it has lost something, and one that begins later, when it wants to buy."""
    desk, (one, other) = make_desk(), taxpayers
    trading = by_turns(desk, "trading", wants_on(session(0)), one, session(0))
    return trading, by_turns(desk, "later", wants_on(session(LATER)), other, session(LATER))


def lost(desk: SmallDesk) -> set[str]:
    """Symbols that the trading book has lost on and not bought again, by its ledger alone."""
    with open_connection(desk.url) as conn, cursor(conn) as cur:
        cur.execute(
            "SELECT symbol FROM nightdesk.ledger_entries WHERE book = 'trading' GROUP BY symbol "
            "HAVING sum(quantity) = 0 AND sum(cash) < 0"
        )
        return {symbol for (symbol,) in cur.fetchall()}


def told(desk: SmallDesk) -> TaxView | None:
    """What the later book was told at its first decision."""
    with open_connection(desk.url) as conn:
        return read_tax_view(conn, "later", instant(LATER))


@pytest.mark.parametrize("taxpayer", ["Ann", "Bob"])
def test_a_loss_of_another_book_of_the_taxpayer_refuses_a_purchase(
    make_desk: Callable[[], SmallDesk], taxpayer: str
) -> None:
    trading, later = pair(make_desk, "Ann", taxpayer)
    for number in range(LATER + 1):
        trading.run(number)
    later.run(LATER)
    assert lost(trading), "the trading book lost nothing in these days"
    expected = lost(trading) if taxpayer == "Ann" else set()
    rejected = later.rows(
        "SELECT symbol FROM nightdesk.verdicts "
        "WHERE book = 'later' AND rule = 'wash_sale' AND action = 'reject'"
    )
    assert {symbol for (symbol,) in rejected} == expected
    bought = later.rows("SELECT symbol FROM nightdesk.orders WHERE book = 'later'")
    assert {symbol for (symbol,) in bought} == set(UNIVERSE) - expected
    view = told(later)
    assert view is not None
    assert set(view.losses) == expected


def test_a_sealed_session_is_decided_again_from_what_it_was_told(make_desk: Callable[[], SmallDesk]) -> None:
    trading, later = pair(make_desk, "Ann", "Ann")
    later.run(LATER)
    assert told(later) == TaxView()
    for number in range(LATER + 1):
        trading.run(number)  # loses in sessions up to the one that the other book has decided
    assert lost(trading)
    again = later.run(LATER)
    assert "sealed" in again["gate"]
    assert again["gate"]["differs"] == 0
    assert told(later) == TaxView()


def test_a_session_that_is_taken_back_is_told_anew(make_desk: Callable[[], SmallDesk]) -> None:
    trading, later = pair(make_desk, "Ann", "Ann")
    later.run(LATER)
    for number in range(LATER + 1):
        trading.run(number)
    with later.at(LATER) as context:
        rewind(context)
    assert told(later) is None
    later.run(LATER)
    view = told(later)
    assert view is not None
    assert set(view.losses) == lost(trading) != set()


def test_a_book_without_such_a_rule_is_told_nothing(make_desk: Callable[[], SmallDesk]) -> None:
    desk = make_desk()
    tree = yaml.safe_load(desk.book.read_text())
    del tree["limits"]["wash_sale"], tree["limits"]["pattern_day_trader"]
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    desk.run(0)
    assert desk.rows("SELECT count(*) FROM nightdesk.tax_views") == [(0,)]
    assert desk.rows("SELECT book, taxpayer, lots, crypto FROM nightdesk.taxpayers") == [
        ("small", "small", "fifo", ["BTC-USD"])
    ]


def test_the_terms_follow_the_file(make_desk: Callable[[], SmallDesk]) -> None:
    desk = make_desk()
    desk.run(0)
    tree = yaml.safe_load(desk.book.read_text())
    tree["tax"] = {"taxpayer": "Ann", "lots": "specific", "sales": {"sale": ["lot"]}}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    desk.run(1)
    assert desk.rows("SELECT taxpayer, lots, sales FROM nightdesk.taxpayers") == [
        ("Ann", "specific", {"sale": ["lot"]})
    ]
