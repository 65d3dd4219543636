"""What people limit is read alike by the steps on PostgreSQL and by the pure decision in memory."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.bundles import spreads
from tests.conftest import PROJECT, open_connection
from tests.parity.checks import same_sessions
from tests.parity.test_parity import BEFORE_THE_CRASH, INCEPTION, TWO_STRATEGIES
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.operations.override import end_override, state_override
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.risk import words
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection
from nightdesk.store.override_rows import stated_overrides


def limit_some(conn: Connection, book: Book, sessions: list[date], after: int) -> None:
    """What people say after a session of the book of two strategies."""
    by = {"by": "ann", "reason": "drill"}
    if after == 0:
        state_override(conn, book, "close-only", symbol="GLD", until=sessions[3], **by)
    if after == 2:
        state_override(conn, book, "no-new-entries", until=sessions[-1], **by)
        state_override(conn, book, "max-size", size=0.02, reduce=True, until=sessions[-1], **by)
    if after == 5:
        end_override(conn, book, kind="max-size", by="bob", reason="enough")


def limit_legs(conn: Connection, book: Book, sessions: list[date], after: int) -> None:
    """One leg of the bundles, then the size of another."""
    by = {"by": "ann", "reason": "a leg is hard to borrow by now"}
    if after == 0:
        for symbol in ("QQQ", "TLT"):
            state_override(conn, book, "close-only", symbol=symbol, until=sessions[3], **by)
    if after == 5:
        state_override(conn, book, "max-size", size=0.001, reduce=True, until=sessions[-1], **by)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("first", "count", "changed", "limit"),
    [(INCEPTION, 9, TWO_STRATEGIES, limit_some), (BEFORE_THE_CRASH, 9, spreads.BOOK, limit_legs)],
    ids=["two_strategies", "bundles"],
)
def test_the_steps_and_the_backtest_limit_the_same(
    first: date, count: int, changed: dict[str, object], limit: object, database: str, market: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    path = tmp_path / "multi_asset.yaml"
    path.write_text(yaml.safe_dump({**tree, "feeds": {"daily": [f"files:{market}"]}, **changed}))
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(first, date(2021, 12, 31))[:count]]
    panel = read_market(book, origin_of(book, first), sessions[-1]).panel
    with open_connection(database) as conn:
        for number, session in enumerate(sessions):
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
            limit(conn, book, sessions, number)  # type: ignore[operator]
        facts = [one.override for one in stated_overrides(conn, book.name)]
        result = backtest(book, panel, sessions[0], sessions[-1], overrides=facts)
        same_sessions(result, conn)
    said = list(spoken(result))
    assert any("close-only by ann" in one for one in said)
    assert any("by override_size: weight of" in one and "cut to a sale" in one for one in said)
    alone = backtest(book, panel, sessions[0], sessions[-1])
    assert [one.orders for one in alone.decided] != [one.orders for one in result.decided]
    if changed is spreads.BOOK:
        assert any("by bundle." in one and "overrides.close-only by ann" in one for one in said)


def spoken(result: Result) -> Iterator[str]:
    """What the gate cut or rejected, in words."""
    for one in result.decided:
        for verdict in one.gated.verdicts(result.desk.symbols):
            if verdict.action != "approve":
                yield words(verdict)
