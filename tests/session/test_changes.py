"""What changes between sessions, or within one: the book's file, the market, the bars that a step used."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.conftest import open_connection
from tests.session.small_desk import STRATEGY, SmallDesk, session
from tests.store.market_rows import actions, bars

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.operations.replay import rewind
from nightdesk.operations.verify import verify
from nightdesk.session import steps
from nightdesk.session.steps import run_session
from nightdesk.store.bar_rows import save_market
from nightdesk.version import code_version


def rewrite(desk: SmallDesk, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the book's file."""
    tree = yaml.safe_load(desk.book.read_text())
    change(tree)
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))


def use_another_window(tree: dict[str, Any]) -> None:
    tree["strategies"] = {STRATEGY: {"params": {"window": 50}}}


def held(desk: SmallDesk, number: int) -> list[str]:
    """Symbols held at the mark of a session."""
    rows = desk.rows(
        "SELECT symbol FROM nightdesk.positions WHERE session = %s AND quantity > 0 ORDER BY 1",
        session(number),
    )
    return [str(symbol) for (symbol,) in rows]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree["broker"].update(account="elsewhere"), "was started with account"),
        (lambda tree: tree.update(initial_capital="5.00"), "was started with initial_capital 100000.0"),
        (lambda tree: tree.update(origin="2021-03-02"), "was started with origin 2021-03-01"),
        (lambda tree: tree.update(inception="2022-03-02"), "was started with inception 2022-03-01"),
    ],
    ids=["account", "capital", "origin", "inception"],
)
def test_a_started_book_whose_beginning_or_account_is_changed_is_refused(
    desk: SmallDesk, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    desk.run(0)
    before = desk.dump()
    rewrite(desk, change)
    with pytest.raises(Refused, match=message):
        desk.run(1)
    assert desk.dump() == before


def test_a_symbol_that_is_held_cannot_leave_the_book(desk: SmallDesk) -> None:
    for number in range(2):
        desk.run(number)
    symbol = held(desk, 1)[0]
    kept = desk.book.read_text()
    rewrite(desk, lambda tree: tree["universe"].pop(symbol) and tree["levels"].pop("first_out"))
    with pytest.raises(Refused, match=f"{symbol} is held or ordered, and the book no longer names it"):
        desk.run(2)
    assert desk.rows("SELECT count(*) FROM nightdesk.portfolio WHERE session = %s", session(2)) == [(0,)]
    desk.book.write_text(kept)
    desk.run(2)


def test_a_parameter_that_is_changed_between_sessions_stops_no_report(
    desk: SmallDesk, tmp_path: Path
) -> None:
    desk.run(0)
    rewrite(desk, use_another_window)
    desk.run(1)
    page = (tmp_path / "home" / "reports" / "small" / f"{session(1)}.html").read_text()
    assert "decided before the book was changed" in page
    hashes = desk.rows("SELECT count(DISTINCT config_hash) FROM nightdesk.runs")
    assert hashes == [(2,)]


def test_a_session_is_decided_by_one_version_of_its_book(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "gate")
    rewrite(desk, use_another_window)
    with pytest.raises(Refused, match=r"has changed since session .* -> .* again from its ingest step on"):
        desk.run_steps(0, "orders", "orders")
    desk.run_steps(0, "ingest", "ingest")
    assert desk.rows("SELECT count(*) FROM nightdesk.signals") == [(0,)]
    with desk.at(0) as context, pytest.raises(Refused, match="its bars or its book changed after quality"):
        steps.close(context)
    desk.run(0)
    told = desk.rows("SELECT config_hash FROM nightdesk.runs")
    assert told == [(load_book(desk.book).config_hash,)]


def test_a_closed_session_differs_from_another_book_and_is_not_computed_again(desk: SmallDesk) -> None:
    desk.run(0)
    before = desk.dump()
    rewrite(desk, use_another_window)
    counts = desk.run(0)
    assert all(one["differs"] == 1 for step, one in counts.items() if step != "ingest")
    assert re.fullmatch(r"book changed: \S+: .+ -> .+", str(counts["gate"]["changed"]))
    assert desk.dump() == before
    kept = desk.rows("SELECT differences FROM nightdesk.run_steps ORDER BY run_step_id DESC LIMIT 1")
    assert kept == [([counts["close"]["changed"]],)]


def test_a_rerun_by_other_code_says_so_and_so_does_one_of_a_book_whose_words_were_not_kept(
    desk: SmallDesk,
) -> None:
    assert all("changed" not in counts for counts in desk.run(0).values())
    assert all("changed" not in counts for counts in desk.run(0).values())
    desk.rows("UPDATE nightdesk.runs SET code_version = '0.0.9+abc' RETURNING 1")
    now = f"decided by version 0.0.9+abc, now {code_version()}"
    assert {counts["changed"] for counts in desk.run(0).values()} == {now}
    desk.rows("DELETE FROM nightdesk.book_versions RETURNING 1")
    rewrite(desk, use_another_window)
    [words] = {counts["changed"] for counts in desk.run(0).values()}
    assert words == (
        f"{now}; book changed: which keys is not known, as it was decided before the desk kept what books say"
    )


def test_nothing_is_sent_or_closed_that_is_older_than_the_bars_it_claims_to_know(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "orders")
    desk.change_bar("GLD", session(0), 1.01)
    desk.run_steps(0, "ingest", "ingest")
    for step in ("submit", "close"):
        with (
            desk.at(0) as context,
            pytest.raises(Refused, match="its bars or its book changed after quality, factors"),
        ):
            getattr(steps, step)(context)
    assert desk.rows("SELECT count(*) FROM nightdesk.paper_orders") == [(0,)]
    desk.run_steps(0, "quality", "close")


def test_an_ingest_that_finds_nothing_new_leaves_the_instant_that_was_known(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "orders")
    known_by = desk.rows("SELECT known_by FROM nightdesk.runs")
    desk.run_steps(0, "ingest", "ingest")
    assert desk.rows("SELECT known_by FROM nightdesk.runs") == known_by
    desk.change_bar("GLD", session(0), 1.01)
    desk.run_steps(0, "ingest", "ingest")
    assert desk.rows("SELECT known_by FROM nightdesk.runs") > known_by


def test_the_running_day_of_bitcoin_moves_on_without_making_what_was_computed_old(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "orders")
    known_by = desk.rows("SELECT known_by FROM nightdesk.runs")
    lines = desk.bars.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"{session(0)},BTC-USD,"))
    for column, moves in ((6, False), (2, True)):
        cells = lines[at].split(",")
        cells[column] = str(float(cells[column]) * 1.001)
        desk.bars.write_text("\n".join([*lines[:at], ",".join(cells), *lines[at + 1 :]]) + "\n")
        with desk.at(0) as context:
            assert steps.ingest(context)["corrected"] == 1
        assert (desk.rows("SELECT known_by FROM nightdesk.runs") > known_by) == moves


def test_a_symbol_whose_history_came_later_stays_unknown_to_the_sessions_before(desk: SmallDesk) -> None:
    whole = desk.bars.read_text()
    desk.remove_bars("TLT", session(-400))
    desk.run(0)
    desk.bars.write_text(whole)
    desk.run(1)
    assert all(counts["differs"] == 0 for counts in desk.run(0).values())
    for number, known in ((0, False), (1, True)):
        with desk.at(number) as context:
            panel = context.panel()
            assert np.isfinite(panel.close[:, panel.column("TLT")]).any() == known


def test_a_late_bar_is_unknown_to_its_own_session_and_known_to_the_next(desk: SmallDesk) -> None:
    whole = desk.bars.read_text()
    desk.remove_bars("GLD", session(1))
    for number in range(2):
        desk.run(number)
    desk.bars.write_text(whole)
    desk.run(2)
    assert all(counts["differs"] == 0 for counts in desk.run(1).values())
    for number, age in ((1, 1), (2, 0)):
        with desk.at(number) as context:
            panel = context.panel()
            assert panel.age[-1, panel.column("GLD")] == age


def test_a_held_symbol_that_vanishes_from_the_feed_is_kept_at_its_last_price(desk: SmallDesk) -> None:
    for number in range(2):
        desk.run(number)
    symbol = next(one for one in held(desk, 1) if one != "BTC-USD")
    desk.remove_bars(symbol, session(2))
    for number in range(2, 5):
        desk.run(number)
    kept = desk.rows(
        "SELECT DISTINCT quantity, price FROM nightdesk.positions WHERE symbol = %s AND session >= %s",
        symbol, session(2),
    )  # fmt: skip
    assert len(kept) == 1
    sold = "SELECT count(*) FROM nightdesk.orders WHERE symbol = %s AND session >= %s"
    assert desk.rows(sold, symbol, session(2)) == [(0,)]
    quarantined = desk.rows("SELECT quarantined FROM nightdesk.session_quality ORDER BY session")
    assert [symbol in names for (names,) in quarantined] == [False, False, False, True, True]  # type: ignore[operator]


def test_a_dividend_that_comes_late_is_booked_once_and_a_replay_books_it_in_time(desk: SmallDesk) -> None:
    for number in range(3):
        desk.run(number)
    symbol = held(desk, 1)[0]
    with open_connection(desk.url) as conn:
        late = actions((symbol, str(session(2)), "dividend", 0.25))
        save_market(conn, load_book(desk.book), bars(), late, inception=session(0))
    booked = [desk.run(number)["settle"] for number in (3, 3, 4)]
    assert [(one["booked_late"], one["late_actions"]) for one in booked] == [(1, 0), (1, 0), (0, 0)]
    assert booked[1]["differs"] == 0
    assert desk.rows("SELECT count(*) FROM nightdesk.alerts") == [(0,)]
    [(units,)] = desk.rows(
        "SELECT quantity FROM nightdesk.positions WHERE symbol = %s AND session = %s", symbol, session(1)
    )
    paid = (
        "SELECT symbol, session, since, reference, cash FROM nightdesk.ledger_entries WHERE kind = 'dividend'"
    )
    reference, cash = f"dividend-{symbol}-{session(2)}", (units * Decimal("0.25")).quantize(Decimal("0.01"))  # type: ignore[operator]
    assert desk.rows(paid) == [(symbol, session(3), session(2), f"{reference}-late", cash)]
    with desk.at(2) as context:
        rewind(context)
        told = [run_session(context.at(session(number)))["settle"]["booked_late"] for number in (2, 3)]
    assert told == [0, 0]
    assert desk.rows(paid) == [(symbol, session(2), None, reference, cash)]


@pytest.mark.parametrize(
    ("damage", "item"),
    [
        ("UPDATE nightdesk.fills SET price = price + 1", "cash of the executions"),
        ("UPDATE nightdesk.fills SET commission = commission + 1", "commission of the executions"),
        ("DELETE FROM nightdesk.fills", "quantity of the executions"),
    ],
)
def test_a_fill_that_its_entries_do_not_add_up_to_does_not_verify(
    desk: SmallDesk, damage: str, item: str
) -> None:
    for number in range(2):
        desk.run(number)
    with open_connection(desk.url) as conn:
        assert verify(conn, "small").differences == ()
        fills = desk.rows("SELECT count(*) FROM nightdesk.fills")[0][0]
        desk.rows(f"{damage} RETURNING 1")
        found = [one for one in verify(conn, "small").differences if one.item.startswith(item)]
    assert len(found) == fills > 0
    assert all(isinstance(one.stored, Decimal) for one in found)


def test_a_desk_that_is_fed_day_by_day_decides_as_one_that_had_all_bars_before(
    make_desk: Callable[[], SmallDesk],
) -> None:
    """Of bitcoin's running day only the open is true yet: it is what yesterday's orders meet."""
    ahead, live = make_desk(), make_desk()
    head, *rows = live.bars.read_text().splitlines()
    for number in range(4):
        today = str(session(number))
        known = [row.split(",") for row in rows if row < f"{today}~"]
        for row in known:
            if row[:2] == [today, "BTC-USD"]:
                row[3:7] = [str(float(row[2]) * one) for one in (1.01, 0.99, 1.005, 2.0)]
        live.bars.write_text("\n".join([head, *map(",".join, known)]) + "\n")
        live.run(number)
        ahead.run(number)
    corrected = live.rows("SELECT count(*) FROM nightdesk.bars WHERE superseded_at IS NOT NULL")
    assert corrected == [(3,)], "each running day was corrected by the next session"
    wanted, found = ahead.dump(), live.dump()
    for table in wanted.keys() - {"bars"}:
        assert found[table] == wanted[table], table
    filled = live.rows("SELECT count(*) FROM nightdesk.fills WHERE symbol = 'BTC-USD'")
    assert filled[0][0] > 0, "without a fill of bitcoin nothing is shown"  # type: ignore[operator]
