"""An option through a split of its underlying: the same in both drivers, and taxed as one holding."""

import csv
from decimal import Decimal

import pytest
import yaml
from tests.conftest import open_connection
from tests.session.contract_desk import CALL, EXPIRY, PUT, book_of, injected
from tests.session.small_desk import ORIGIN, STRATEGY, SmallDesk, instant, session

from nightdesk.accounting.tax import TaxLedger, tax_terms, trades_of
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.engine.injection import read_injections
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.store.ledger_rows import positions_of, read_entries, read_marks

LAST, SPLIT = 3, session(2)
#: What the put with a strike of 50 becomes, and the call with one of 100.
NEW_PUT, NEW_CALL = f"SPY{EXPIRY:%y%m%d}P00025000", f"SPY{EXPIRY:%y%m%d}C00050000"


def split_two_for_one(desk: SmallDesk) -> None:
    """Halve the prices of SPY and of its options from the day on, and name the options as they are then."""
    rows = list(csv.reader(desk.bars.open()))
    for row in rows[1:]:
        if row[0] >= f"{SPLIT}" and row[1] in ("SPY", CALL, PUT):
            row[1] = {CALL: NEW_CALL, PUT: NEW_PUT}.get(row[1], row[1])
            row[2:6] = [f"{float(price) / 2:.4f}" for price in row[2:6]]
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    actions = desk.bars.with_name("corporate_actions.csv")
    actions.write_text(f"symbol,date,kind,value\nSPY,{SPLIT},split,2\n")


def with_successors(desk: SmallDesk, *symbols: str) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    line = {"asset_class": "option", "underlying": "SPY", "max_weight": 0.1}
    tree["universe"] |= dict.fromkeys(symbols, line)
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))


def in_memory(desk: SmallDesk) -> Result:
    book = load_book(desk.book)
    panel = read_market(book, ORIGIN, session(LAST), [desk.feed]).panel
    begun = book.model_copy(update={"inception": session(0), "origin": ORIGIN})
    signals = [one for n in range(LAST + 1) for one in read_injections(injected(desk, n), book)]
    return backtest(begun, panel, session(0), session(LAST), injected=signals)


@pytest.mark.timeout(300)
def test_a_short_put_becomes_two_of_half_the_strike_in_both_drivers(desk: SmallDesk) -> None:
    book_of(desk)
    split_two_for_one(desk)
    with_successors(desk, NEW_PUT, NEW_CALL)
    for number in range(LAST + 1):
        desk.run(number, inject=injected(desk, number))
    result = in_memory(desk)
    with open_connection(desk.url) as conn:
        assert read_marks(conn, "small") == tuple(one.state.mark for one in result.decided)
        entries = read_entries(conn, "small")
        assert sorted(entries, key=repr) == sorted(result.entries, key=repr)
        assert verify(conn, "small").differences == ()
        before, after = (
            {row["symbol"]: row for row in positions_of(conn, "small", instant(number))} for number in (1, 2)
        )
    old, new = before[PUT], after[NEW_PUT]
    assert old["quantity"] < 0
    assert (new["quantity"], new["cost"]) == (2 * old["quantity"], old["cost"])
    assert (after[PUT]["quantity"], new["entry_session"]) == (0, session(1))
    # twice the contracts at half the price: worth what a put at a two-hundredth of SPY is
    assert abs(new["market_value"] - 100 * old["quantity"] * 2 * new["price"]) < Decimal("0.01")
    # it expires under its new name, and the tax sees one short sale
    last = result.decided[-1].state.ledger
    assert last.positions[STRATEGY, NEW_PUT].quantity == 0
    assert [one.symbol for one in entries if one.kind == "expiry"] == [NEW_PUT]
    book = load_book(desk.book)
    taxes = TaxLedger({"small": tax_terms(book)}).apply(trades_of("small", entries))
    (sold,) = [one for one in taxes.disposals if one.symbol == NEW_PUT]
    assert (sold.quantity, sold.basis) == (-2 * old["quantity"], 0)
    assert sold.proceeds == -old["cost"] - old["commission"]
    # an order for the old name has no market any more, and says why
    ended = [one for day in result.decided for one in day.expired if one.symbol == CALL]
    assert [one.reason for one in ended] == [f"{CALL} became {NEW_CALL}"]


def test_a_put_whose_successor_the_universe_does_not_name_is_refused(desk: SmallDesk) -> None:
    book_of(desk)
    split_two_for_one(desk)
    with_successors(desk, NEW_CALL)
    with pytest.raises(
        Refused, match=rf"{PUT} is held while SPY splits.*becomes 2 {NEW_PUT}: put {NEW_PUT}: "
    ):
        in_memory(desk)
