"""Flex statements: read as a whole, or refused in words that say what to change."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.conftest import PROJECT
from tests.fakes.flex import ABOUT, ACCOUNT, CASH, TRADE, element, flex_statement, section

from nightdesk.brokers.account_statement import AccountStatement
from nightdesk.brokers.flex_statements import read_flex
from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.universe import Instrument

UNIVERSE = {
    **load_book(PROJECT / "books" / "multi_asset.yaml").universe,
    "BRK-B": Instrument(asset_class="equity", max_weight=0.1),
}


def read(content: bytes) -> AccountStatement:
    return read_flex(content, ACCOUNT, UNIVERSE, get_calendar())


def refusal_of(content: bytes) -> str:
    with pytest.raises(Refused) as told:
        read(content)
    return str(told.value)


def test_an_execution_has_the_ids_the_instant_and_the_costs_that_ibkr_states() -> None:
    row = {
        "orderReference": "nd1-abc",
        "symbol": "BRK B",
        "buySell": "SELL",
        "quantity": "-1,250",
        "tradePrice": "410.1234567",
    }
    statement = read(flex_statement([row]))
    [fill] = statement.fills
    assert fill.execution_id == "0000e0d5.665e1a01.01.01"
    assert fill.client_order_id == "nd1-abc"
    assert (fill.symbol, fill.side, fill.quantity) == ("BRK-B", "sell", Decimal(1250))
    assert fill.price == Decimal("410.123457")
    assert fill.commission == Decimal("1.00")
    assert fill.executed_at == datetime(2024, 6, 4, 13, 30, 1, tzinfo=UTC)
    assert fill.session == date(2024, 6, 4)
    assert not fill.commission_pending
    assert fill.corrects == ""
    assert (statement.first, statement.last) == (date(2024, 5, 28), date(2024, 6, 6))
    assert statement.generated_at == datetime(2024, 6, 7, 6, 10, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "session"),
    [
        ("2024-06-04;16:00:04", date(2024, 6, 4)),  # the closing auction, written down after the bell
        ("2024-06-04;18:00:00", date(2024, 6, 5)),
        ("20240604;093001", date(2024, 6, 4)),
        ("2024-06-04;09:30:01 EDT", date(2024, 6, 4)),
        ("2024-06-08;12:00:00", date(2024, 6, 10)),
    ],
)
def test_an_execution_counts_in_the_session_that_it_is_of(written: str, session: date) -> None:
    assert read(flex_statement([{"dateTime": written}])).fills[0].session == session


def test_a_correction_names_the_execution_that_it_corrects() -> None:
    rows = [
        {},
        {"ibExecID": "0000e0d5.665e1a01.01.02", "quantity": "9", "transactionType": "TradeCorrect"},
    ]
    first, second = read(flex_statement(rows)).fills
    assert (first.corrects, second.corrects) == ("", first.execution_id)
    assert second.quantity == 9


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"type": "Dividends", "symbol": "SPY", "amount": "17.60"}, "dividend"),
        ({"type": "Payment In Lieu Of Dividends", "symbol": "SPY", "amount": "-17.60"}, "dividend"),
        ({"type": "Withholding Tax", "symbol": "SPY", "amount": "-2.64"}, "fee"),
        ({"type": "Broker Interest Paid"}, "interest"),
        ({"type": "Broker Interest Received", "amount": "3.21"}, "interest"),
        ({"type": "Broker Interest Paid", "description": "USD BORROW FEES FOR MAY-2024"}, "borrow"),
        ({"type": "Other Fees", "description": "NYSE MARKET DATA"}, "fee"),
        ({"type": "Deposits & Withdrawals", "amount": "5000"}, "transfer"),
        ({"type": "Deposits/Withdrawals", "amount": "-5000"}, "transfer"),
        ({"type": "Something that is new at IBKR"}, "other"),
    ],
)
def test_a_cash_transaction_is_the_kind_of_movement_that_its_type_says(
    row: dict[str, str], kind: str
) -> None:
    [moved] = read(flex_statement(cash=[row])).movements
    whole = CASH | row
    assert moved.kind == kind
    assert moved.movement_id == whole["transactionID"]
    assert moved.symbol == whole["symbol"]
    assert moved.cash == Decimal(whole["amount"])
    assert moved.session == date(2024, 6, 5)
    assert moved.words == f"{whole['type']}: {whole['description']}"


def test_cash_of_a_weekend_counts_in_the_next_session() -> None:
    [moved] = read(flex_statement(cash=[{"reportDate": "2024-06-08"}])).movements
    assert moved.session == date(2024, 6, 10)


def test_a_fraction_that_is_sold_is_cash_in_lieu() -> None:
    row = {
        "transactionType": "FracShare",
        "ibExecID": "",
        "quantity": "-0.5",
        "tradePrice": "100.02",
        "buySell": "SELL",
        "ibCommission": "0",
    }
    statement = read(flex_statement([row]))
    assert statement.fills == ()
    [moved] = statement.movements
    assert (moved.kind, moved.symbol, moved.cash) == ("corporate_action", "SPY", Decimal("50.01"))
    assert moved.movement_id == TRADE["transactionID"]


def test_what_no_order_led_to_is_left_out_and_counted() -> None:
    rows = [
        {"assetCategory": "OPT", "ibExecID": "a.01"},
        {"transactionType": "BookTrade", "ibExecID": "b.01"},
        {},
        {"transactionType": "TradeCancel", "buySell": "BUY (Ca.)", "quantity": "-10"},
    ]
    statement = read(flex_statement(rows))
    assert statement.fills == ()  # the one that it had was cancelled
    assert statement.left_out == {
        "a trade in OPT, which no book trades at IBKR": 1,
        "a trade of the type BookTrade, which no order led to": 1,
        "a trade that IBKR cancelled: look it up there": 1,
    }


def test_summaries_beside_the_rows_are_passed_over() -> None:
    orders = element("Order", TRADE | {"levelOfDetail": "ORDER"})
    content = flex_statement([{}], [{}, {"levelOfDetail": "SUMMARY", "transactionID": ""}])
    content = content.replace(b"</Trades>", f"{orders}</Trades>".encode())
    statement = read(content)
    assert (len(statement.fills), len(statement.movements)) == (1, 1)


def test_the_same_row_twice_is_one_fact() -> None:
    statement = read(flex_statement([{}, {}], [{}, {}]))
    assert (len(statement.fills), len(statement.movements)) == (1, 1)


def test_days_that_are_broken_out_are_one_statement() -> None:
    def of_day(day: str, execution: str) -> str:
        rows = section("Trades", "Trade", TRADE, [{"ibExecID": execution, "dateTime": f"{day};10:00:00"}])
        cash = section("CashTransactions", "CashTransaction", CASH, [])
        return element("FlexStatement", ABOUT | {"fromDate": day, "toDate": day}, rows + cash)

    inside = of_day("2024-06-04", "a.01") + of_day("2024-06-05", "b.01")
    root = {"queryName": "q", "type": "AF"}
    statement = read(
        element("FlexQueryResponse", root, element("FlexStatements", {"count": "2"}, inside)).encode()
    )
    assert [one.execution_id for one in statement.fills] == ["a.01", "b.01"]
    assert (statement.first, statement.last) == (date(2024, 6, 4), date(2024, 6, 5))


WHOLE = flex_statement([{}], [{}])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is no whole XML"),
        (WHOLE[: len(WHOLE) // 2], "it is no whole XML"),
        (WHOLE.replace(b'count="1"', b'count="2"'), "announces 2 statements and holds 1: it is cut"),
        (WHOLE.replace(b'<FlexStatements count="1">', b"<FlexStatements>"), "announces no statements"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + WHOLE, "declares entities of its own"),
        (b"<html />", "it is a html, a FlexQueryResponse was expected"),
        (
            b"<FlexStatementResponse><ErrorMessage>Token has expired.</ErrorMessage></FlexStatementResponse>",
            "the web service's answer and no statement: Token has expired.",
        ),
        (flex_statement(query={"type": "TCF"}), "make an Activity Flex Query"),
        (flex_statement(accountId="U7654321"), f"it is of U7654321, and the book's account is {ACCOUNT}"),
        (WHOLE.replace(b"Trades>", b"Trade5>"), "it has no section Trades: tick it"),
        (WHOLE.replace(b"CashTransactions>", b"Cash>"), "it has no section CashTransactions"),
        (WHOLE.replace(b"orderReference", b"orderRef"), "lacks the fields orderReference: tick them"),
        (WHOLE.replace(b"reportDate", b"report"), "section CashTransactions lacks the fields reportDate"),
        (flex_statement([{"levelOfDetail": "ORDER"}]), "no row at the level EXECUTION"),
        (flex_statement(cash=[{"levelOfDetail": "SUMMARY"}]), "no row at the level DETAIL"),
        (flex_statement([{"accountId": "U1"}]), "it is of account U1"),
        (flex_statement([{"currency": "EUR"}]), "it is in EUR, and the desk counts in USD"),
        (flex_statement(cash=[{"currency": ""}]), "it is in no currency"),
        (flex_statement([{"ibCommissionCurrency": "EUR"}]), "it is in EUR"),
        (flex_statement([{"dateTime": "06/04/2024;09:30:01"}]), "date format to yyyy-MM-dd"),
        (flex_statement([{"dateTime": "2024-06-04"}]), "time format to HH:mm:ss"),
        (flex_statement([{"dateTime": "2024-06-04;09:30:01 CET"}]), "its dateTime is"),
        (flex_statement([{"dateTime": "2024-13-04;09:30:01"}]), "dateTime"),
        (flex_statement(cash=[{"reportDate": "04/06/2024"}]), "its reportDate is '04/06/2024'"),
        (flex_statement(toDate="soon"), "its toDate is 'soon'"),
        (flex_statement([{"quantity": "many"}]), "quantity"),
        (flex_statement([{"quantity": ""}]), "its quantity is '', no number"),
        (flex_statement([{"tradePrice": "1e40"}]), "its tradePrice is '1e40', no number"),
        (flex_statement(cash=[{"amount": "NaN"}]), "its amount is 'NaN', no number"),
        (flex_statement([{"buySell": "SELL"}]), "SELL 10 units is no trade"),
        (flex_statement([{"quantity": "0"}]), "BUY 0 units is no trade"),
        (flex_statement([{"ibExecID": ""}]), "its ibExecID is '', no key"),
        (flex_statement(cash=[{"transactionID": ""}]), "its transactionID is '', no key"),
        (flex_statement([{}, {"quantity": "11"}]), "the same execution stands there twice, differently"),
        (flex_statement(cash=[{}, {"amount": "1"}]), "the same transaction stands there twice, differently"),
        (flex_statement([{"dateTime": "1924-06-04;09:30:01"}]), "outside the XNYS calendar"),
    ],
)
def test_a_statement_that_cannot_be_taken_whole_is_refused_with_what_to_change(
    content: bytes, words: str
) -> None:
    assert words in refusal_of(content)
