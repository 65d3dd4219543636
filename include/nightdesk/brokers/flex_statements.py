"""IBKR's Flex statements: the XML of an activity query, read into executions and movements.

A statement is taken as a whole or not at all: what is cut, of another account, in another currency or without
a field that is needed is refused, with what to change in the query. Its clock is New York's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nightdesk.brokers.account_statement import AccountStatement
from nightdesk.brokers.flex_xml import (
    ABOUT_FIELDS,
    CASH_FIELDS,
    NEW_YORK,
    SECTIONS,
    TRADE_FIELDS,
    in_utc,
    key_in,
    number_in,
    of_currency,
    of_row,
    parsed_row,
    root_of,
    rows_of,
    statements_of,
)
from nightdesk.brokers.ibkr_answers import AFTER_THE_BELL
from nightdesk.brokers.ibkr_contracts import IbkrNames
from nightdesk.core.errors import Refused
from nightdesk.core.masking import one_line
from nightdesk.core.money import ZERO, to_cents, to_price
from nightdesk.orders.broker_account import Movement, MovementKind
from nightdesk.orders.fills import Fill

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from nightdesk.core.calendar import Calendar
    from nightdesk.core.universe import Instrument

#: What IBKR's cash transactions are. A type that is not here is "other": compared, and shown to a person.
#: Tax that is withheld comes beside the whole dividend, and no other fact explains it: it is booked as a fee.
CASH_KINDS: Mapping[str, MovementKind] = {
    **dict.fromkeys(("Dividends", "Payment In Lieu Of Dividends"), "dividend"),
    **dict.fromkeys(
        (
            "871(m) Withholding",
            "Advisor Fees",
            "Broker Fees",
            "Commission Adjustments",
            "Other Fees",
            "Withholding Tax",
        ),
        "fee",
    ),
    **dict.fromkeys(
        ("Bond Interest Paid", "Bond Interest Received", "Broker Interest Paid", "Broker Interest Received"),
        "interest",
    ),
    **dict.fromkeys(("Deposits & Withdrawals", "Deposits/Withdrawals"), "transfer"),
}

#: Trades that an order of somebody led to; the others are the broker's own bookkeeping.
_EXECUTED = ("ExchTrade", "DvpTrade", "TradeCorrect")
#: A fraction of a share that is sold because nobody may hold it: cash in lieu.
_IN_LIEU = "FracShare"
_CANCELS = ("TradeCancel", "FracShareCancel")

#: `xxxx.02` corrects `xxxx.01`.
_EXECUTION = re.compile(r"(.+\.)(\d+)")


def read_flex(
    content: bytes, account_id: str, universe: Mapping[str, Instrument], calendar: Calendar
) -> AccountStatement:
    """The statement of an account in the XML of an activity query.

    Parameters
    ----------
    content : bytes
        The file, or the web service's answer.
    account_id : str
        IBKR's id of the account, such as ``U1234567``.
    universe : mapping of symbol to Instrument
        The book's: what it trades keeps the book's name.
    calendar : Calendar
        Whose sessions executions and movements count in.

    Raises
    ------
    Refused
        When it is no such statement, or not one that can be taken as a whole.
    """
    found = statements_of(root_of(content), account_id)
    about = [parsed_row(one, ABOUT_FIELDS) for one in found]
    rows = {name: [row for one in found for row in rows_of(one, name, account_id)] for name in SECTIONS}
    names = IbkrNames(universe)
    reader = _StatementRows({names.theirs(symbol): symbol for symbol in universe}, calendar)
    for row in rows["Trades"]:
        reader.trade(row)
    for row in rows["CashTransactions"]:
        reader.cash(row)
    return AccountStatement(
        account=account_id,
        first=min(one.fromDate for one in about),
        last=max(one.toDate for one in about),
        generated_at=in_utc(max(one.whenGenerated for one in about)),
        fills=reader.executed(),
        movements=tuple(sorted(reader.movements.values(), key=lambda one: (one.session, one.movement_id))),
        left_out=dict(reader.left_out),
    )


class _StatementRows:
    """What the rows say so far, each fact once."""

    def __init__(self, names: Mapping[str, str], calendar: Calendar) -> None:
        self._names, self._calendar = names, calendar
        self._fills: dict[str, Fill] = {}
        self._cancelled: set[str] = set()
        self.movements: dict[str, Movement] = {}
        self.left_out: Counter[str] = Counter()

    def trade(self, row: Element) -> None:
        """Take a row of the section of trades."""
        parsed = parsed_row(row, TRADE_FIELDS)
        kind, asset = row.attrib["transactionType"], row.attrib["assetCategory"]
        if asset != "STK":
            self.left_out[f"a trade in {one_line(asset) or 'nothing'}, which no book trades at IBKR"] += 1
        elif kind in _CANCELS or row.attrib["buySell"].endswith("(Ca.)"):
            self._cancelled.add(row.attrib["ibExecID"])
            self.left_out["a trade that IBKR cancelled: look it up there"] += 1
        elif kind == _IN_LIEU:
            self._in_lieu(row, parsed)
        elif kind not in _EXECUTED:
            self.left_out[f"a trade of the type {one_line(kind) or 'none'}, which no order led to"] += 1
        else:
            self._fill(row, parsed)

    def _fill(self, row: Element, parsed: Any) -> None:
        at = in_utc(parsed.dateTime)
        execution = key_in(row, "ibExecID")
        quantity, price = number_in(row, "quantity", parsed), number_in(row, "tradePrice", parsed)
        side = row.attrib["buySell"].lower()
        if side not in ("buy", "sell") or (quantity > 0) != (side == "buy"):
            raise of_row(row, f"{one_line(row.attrib['buySell'])} {quantity} units is no trade")
        if row.attrib["ibCommissionCurrency"] not in ("USD", ""):
            raise of_currency(row, row.attrib["ibCommissionCurrency"])
        fill = Fill(
            execution_id=execution,
            client_order_id=row.attrib["orderReference"],
            symbol=self._symbol(row),
            side="buy" if side == "buy" else "sell",
            quantity=abs(quantity),
            price=to_price(price),
            commission=to_cents(-number_in(row, "ibCommission", parsed)),
            session=self._session(at - AFTER_THE_BELL, row),
            executed_at=at,
            corrects=_corrected(execution),
        )
        if self._fills.setdefault(execution, fill) != fill:
            raise of_row(row, "the same execution stands there twice, differently")

    def _in_lieu(self, row: Element, parsed: Any) -> None:
        units, price = number_in(row, "quantity", parsed), number_in(row, "tradePrice", parsed)
        self._move(
            row,
            key_in(row, "transactionID"),
            "corporate_action",
            to_cents(-units * price + number_in(row, "ibCommission", parsed)),
            self._session(in_utc(parsed.dateTime) - AFTER_THE_BELL, row),
            f"cash in lieu of {abs(units)} shares",
        )

    def cash(self, row: Element) -> None:
        """Take a row of the section of cash transactions."""
        parsed = parsed_row(row, CASH_FIELDS)
        named, words = row.attrib["type"], one_line(row.attrib["description"])
        kind = CASH_KINDS.get(named, "other")
        if kind in ("fee", "interest") and "BORROW" in words.upper():
            kind = "borrow"  # IBKR has no type of its own for what a short position's loan costs
        day = datetime.combine(parsed.reportDate, time(), NEW_YORK)
        self._move(
            row,
            key_in(row, "transactionID"),
            kind,
            to_cents(number_in(row, "amount", parsed)),
            self._session(day, row),
            f"{one_line(named)}: {words}",
        )

    def _move(
        self, row: Element, key: str, kind: MovementKind, cash: Decimal, session: date, words: str
    ) -> None:
        moved = Movement(key, kind, self._symbol(row), ZERO, cash, session, words)
        if self.movements.setdefault(key, moved) != moved:
            raise of_row(row, "the same transaction stands there twice, differently")

    def executed(self) -> tuple[Fill, ...]:
        """The executions that IBKR has not cancelled again, by session and id."""
        kept = [one for key, one in self._fills.items() if key not in self._cancelled]
        return tuple(sorted(kept, key=lambda one: (one.session, one.execution_id)))

    def _symbol(self, row: Element) -> str:
        """The book's name of what a row is about; of what the book does not trade, IBKR's own."""
        named = row.attrib["symbol"]
        return self._names.get(named, named.replace(" ", "-"))

    def _session(self, at: datetime, row: Element) -> date:
        try:
            return self._calendar.session_of(at)
        except Refused as error:
            raise of_row(row, str(error)) from None


def _corrected(execution: str) -> str:
    """The execution that one corrects; empty where it corrects none."""
    written = _EXECUTION.fullmatch(execution)
    first = f"{written[1]}{1:0{len(written[2])}d}" if written else execution
    return "" if first == execution else first
