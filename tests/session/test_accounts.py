"""A book of two paper accounts: the same through the store and in memory, and what people see of it."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from pyarrow import parquet
from tests.conftest import open_connection
from tests.session.small_desk import ORIGIN, SmallDesk, instant, session
from tests.session.two_accounts import OTHER, with_two_accounts
from typer.testing import CliRunner, Result

from nightdesk.accounting.transfers import Transfer
from nightdesk.cli import app
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.operations.replay import rewind
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.result_files import write_result
from nightdesk.research.backtest.run import backtest
from nightdesk.store.db import DATABASE_VARIABLE
from nightdesk.store.foreign_order_rows import ForeignOrder, foreign_orders, keep_foreign
from nightdesk.store.ledger_rows import (
    account_marks_of,
    positions_of,
    read_entries,
    read_ledger,
    read_marks,
)
from nightdesk.store.order_rows import orders_of
from nightdesk.store.transfer_rows import transfers_of

LAST = 8


def nightdesk(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="nightdesk")
    assert result.exit_code == status, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


@pytest.fixture
def two(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> SmallDesk:
    with_two_accounts(desk, "crypto", "GLD")
    tree = yaml.safe_load(desk.book.read_text())
    tree["financing"] = {"debit_rate": 0.09, "credit_rate": 0.04, "borrow_rate": 0.0}
    tree.pop("cash", None)
    tree["accounts"][OTHER]["costs"] = {"commission": 0.003, "slippage": 0.001}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    monkeypatch.setenv(DATABASE_VARIABLE, desk.url)
    return desk


@pytest.mark.timeout(300)
def test_two_accounts_are_the_same_in_both_drivers_to_the_cent(two: SmallDesk) -> None:
    for number in range(3):
        two.run(number)
    nightdesk("transfer", two.book, "main", OTHER, "2500.50", "--reason", "room for coins")
    for number in range(3, LAST + 1):
        two.run(number)
    book = load_book(two.book)
    panel = read_market(book, ORIGIN, session(LAST), [two.feed]).panel
    begun = book.model_copy(update={"inception": session(0), "origin": ORIGIN})
    with open_connection(two.url) as conn:
        moved = transfers_of(conn, book.name)
        assert moved == (Transfer(moved[0].number, instant(3), "main", OTHER, Decimal("2500.50")),)
        result = backtest(begun, panel, session(0), session(LAST), transfers=moved)
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
        entries = read_entries(conn, book.name)
        assert sorted(entries, key=repr) == sorted(result.entries, key=repr)
        for number, one in enumerate(result.decided):
            ledger, marks = (
                read_ledger(conn, book.name, instant(number)),
                account_marks_of(conn, book.name, instant(number)),
            )
            assert ledger is not None
            for name in book.account_names:
                assert ledger.cash_in(name) == one.state.ledger.cash_in(name)
            assert {at.account: at.cash for at in marks} == {
                name: one.state.ledger.cash_in(name) for name in book.account_names
            }
            assert sum(at.nav for at in marks) == one.state.mark.nav
            sent = [at.order for at in orders_of(conn, book.name, instant(number))]
            assert [(at.symbol, at.side, at.quantity, at.account) for at in sent] == [
                (at.symbol, at.side, at.quantity, at.account)
                for at in sorted(one.orders, key=lambda at: (at.symbol, at.side))
            ]
        assert verify(conn, book.name).differences == ()
        accounts = {one.account for one in entries}
        assert accounts == {"main", OTHER}
        assert {one.account for one in entries if one.symbol in ("GLD", "BTC-USD")} == {OTHER}
        assert {one.account for one in entries if one.symbol in ("SPY", "QQQ", "TLT")} == {"main"}
        assert sorted(one.cash for one in entries if one.kind == "transfer") == [
            Decimal("-2500.50"),
            Decimal("2500.50"),
        ]
        paid = {one.account for one in entries if one.kind == "interest"}
        assert paid == {"main", OTHER}, "each account earns on its own cash"
        rows = positions_of(conn, book.name, instant(LAST))
        assert {row["account"] for row in rows if row["symbol"] == "GLD"} == {OTHER}
    # What a paper broker holds is what the ledger says of its account.
    for name, account in (("main", book.entry_of("main").account), (OTHER, "paper-coins")):
        [(cash,)] = two.rows(
            "SELECT cash FROM nightdesk.paper_accounts WHERE account = %s ORDER BY as_of DESC LIMIT 1",
            account,
        )
        assert cash == result.decided[-1].state.ledger.cash_in(name)


def test_the_files_of_a_backtest_and_the_page_name_the_account_of_orders_and_fills(
    two: SmallDesk, tmp_path: Path
) -> None:
    two.run(0)
    two.run(1)
    book = load_book(two.book)
    panel = read_market(book, ORIGIN, session(4), [two.feed]).panel
    write_result(backtest(book, panel, session(0), session(4)), tmp_path)
    write_result(backtest(book, panel, session(0), session(4)), tmp_path, file_format="parquet")
    for name in ("orders", "fills"):
        rows = list(csv.DictReader((tmp_path / f"{name}.csv").open()))
        assert {row["account"] for row in rows} == {"main", OTHER}
        assert [row["account"] for row in rows] == [book.account_of(row["symbol"]) for row in rows]
        typed = parquet.read_table(tmp_path / f"{name}.parquet")["account"].to_pylist()
        assert typed == [row["account"] for row in rows]
    [(page,)] = two.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(1))
    trades = str(page).partition("<h2>Trades of the session</h2>")[2].partition("</table>")[0]
    for symbol, account in two.rows(
        "SELECT symbol, account FROM nightdesk.fills WHERE session = %s", session(1)
    ):
        assert f'Buy {symbol}</b> <span class="soft">in {account}</span>' in trades


def test_what_stands_against_a_book_names_the_account(two: SmallDesk) -> None:
    two.run(0)
    found = ForeignOrder("someone", "unmarked", "GLD", "buy", Decimal(3), executed=False, received_at=None)
    with open_connection(two.url) as conn:
        keep_foreign(conn, "small", OTHER, [found])
        assert foreign_orders(conn, "small", "main") == ()
    assert f"buy 3 GLD in account {OTHER}, open, " in nightdesk("status", "small").stdout
    with open_connection(two.url) as conn, conn.cursor() as cur:
        cur.execute(
            "INSERT INTO nightdesk.disputed_positions (book, session, as_of, account, symbol, reason, "
            "ledger_value, claimed_value) VALUES ('small', %s, %s, %s, 'GLD', 'the broker holds 5', 3, 5)",
            (session(0), instant(0), OTHER),
        )
        conn.commit()
    assert f"in dispute: the broker holds 5 in account {OTHER}" in nightdesk("status", "small").stdout


def test_no_account_spends_what_lies_in_the_other(two: SmallDesk) -> None:
    tree = yaml.safe_load(two.book.read_text())
    tree["accounts"]["main"]["capital"], tree["accounts"][OTHER]["capital"] = 99_000, 1_000
    two.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    for number in range(3):
        two.run(number)
    spent = two.rows(
        "SELECT coalesce(-sum(cash), 0) FROM nightdesk.ledger_entries WHERE kind = 'fill' AND account = %s",
        OTHER,
    )
    assert 0 <= spent[0][0] <= 1_000  # type: ignore[operator]
    said = two.rows("SELECT DISTINCT rule FROM nightdesk.verdicts WHERE rule LIKE %s", f"%.{OTHER}")
    assert said, "the verdict names the account whose money was not there"
    told = [path.read_text() for path in Path(two.bars.parents[2]).rglob("small/*.html")]
    assert any(f"in account {OTHER}" in page for page in told)
    assert all("<h2>Accounts</h2>" in page for page in told)


def test_people_see_the_accounts_and_move_money_that_is_there(two: SmallDesk) -> None:
    assert "was never started" in nightdesk("accounts", two.book, status=1).stderr
    refused = nightdesk("transfer", two.book, "main", OTHER, 5, "--reason", "early", status=1).stderr
    assert "never started" in refused or "has no money yet" in refused
    two.run_steps(0, "ingest", "targets")
    early = nightdesk("transfer", two.book, "main", OTHER, 5, "--reason", "early", status=1).stderr
    assert "is not decided to its end" in early
    two.run(0)
    for arguments, words in (
        (("main", "bonds", 5), "has no account 'bonds': its accounts are main, coins"),
        (("main", "main", 5), "moves nothing: name two accounts"),
        (("main", OTHER, 0), "name a positive amount in dollars and cents"),
        (("main", OTHER, "1.005"), "name a positive amount in dollars and cents"),
        (("main", OTHER, "much"), "found the amount 'much'; name dollars"),
        ((OTHER, "main", 30_001), "and 30001 were to be moved: move less"),
    ):
        said = nightdesk("transfer", two.book, *arguments, "--reason", "x", status=1).stderr
        assert words in said
        assert said.count("\n") == 1
    assert (
        "wants a reason"
        in nightdesk("transfer", two.book, "main", OTHER, 5, "--reason", " ", status=1).stderr
    )
    assert two.rows("SELECT count(*) FROM nightdesk.transfers") == [(0,)]
    said = nightdesk("transfer", two.book, "main", OTHER, 1000, "--reason", "room").stdout
    assert said == f"small: 1,000.00 dollars go from main to coins with the settling of {session(1)}\n"
    lines = nightdesk("accounts", two.book).stdout
    assert "paper-coins of paper" in lines
    assert "+$1,000.00" in lines
    found = json.loads(nightdesk("accounts", two.book, "--json").stdout)["accounts"]
    assert [one["name"] for one in found] == ["coins", "main"]
    assert sum(Decimal(one["value"]) for one in found) == 100_000
    status = nightdesk("status", "small").stdout
    assert "paper-coins of paper" in status
    assert " in account " in status
    [(symbol,)] = two.rows("SELECT symbol FROM nightdesk.orders WHERE account = %s LIMIT 1", OTHER)
    assert f", in account {OTHER}: " in nightdesk("trace", two.book, session(0), symbol).stdout


def test_what_is_held_stays_in_its_account_until_it_is_sold(two: SmallDesk) -> None:
    two.run(0)
    two.run(1)
    held = two.rows("SELECT symbol FROM nightdesk.positions WHERE account = %s AND quantity <> 0", OTHER)
    assert held
    tree = yaml.safe_load(two.book.read_text())
    tree["routes"] = {"default": "main", "SPY": OTHER}
    two.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(Refused, match=r"is held or ordered in account .*: keep routes\."):
        two.run(2)


def test_a_started_book_keeps_its_accounts_and_no_other_book_has_one_of_them(
    two: SmallDesk,
) -> None:
    two.run(0)
    tree = yaml.safe_load(two.book.read_text())
    tree["accounts"][OTHER]["account"] = "paper-another"
    changed = two.book.with_name("changed") / "small.yaml"
    changed.parent.mkdir()
    changed.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(Refused, match=r"was started with accounts coins \(paper-coins of paper, .*restore"):
        SmallDesk(two.url, changed, two.bars).run(1)
    tree |= {"name": "second"}
    tree["accounts"]["main"]["account"], tree["accounts"][OTHER]["account"] = "paper-second", "paper-coins"
    second = two.book.with_name("second.yaml")
    second.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(
        Refused, match=r"paper-coins of paper serves book small already.*accounts.coins.account"
    ):
        SmallDesk(two.url, second, two.bars).run(0)
    assert two.rows("SELECT book FROM nightdesk.books") == [("small",)]
    two.run(1)


def test_a_book_of_two_accounts_is_decided_anew_in_both(two: SmallDesk) -> None:
    for number in range(4):
        two.run(number)
    before = two.dump()
    with two.at(2) as context:
        rewind(context)
    for number in (2, 3):
        two.run(number)
    assert two.dump() == before
