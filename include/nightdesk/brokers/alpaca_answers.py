"""What Alpaca's answers say in the desk's terms: orders, positions, executions, movements.

An answer of another shape, with a status that Alpaca does not describe, or with a number that is none, says
nothing: it is `Rubbish`, and no part of it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from nightdesk.core.calendar import Calendar
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO, to_cents, to_price
from nightdesk.core.universe import Instrument
from nightdesk.orders.broker_account import Account, BrokerOrder, Movement, MovementKind, OrderState
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Side

#: Alpaca's statuses. What may still be executed is working: accepted, or partially filled when a part is.
#:
#: ===========================  =================  =========================================================
#: Alpaca                       here               why
#: ===========================  =================  =========================================================
#: accepted, pending_new, new,  working            received, and not at its end; a `day` order that is queued
#: accepted_for_bidding                            after the close stays accepted until the open
#: pending_review, held         working            waits for a check, or (leg of a bracket) for its entry
#: partially_filled, stopped    working            the rest may come; a stopped order has its trade promised
#: pending_cancel               working            the cancel is asked for, and an execution may be quicker
#: pending_replace              working            likewise
#: done_for_day, calculated     working            nothing more today; its last word is still to come
#: suspended                    working            not executed now, and nobody says that it never will be
#: filled                       filled
#: canceled, replaced           cancelled          what replaces an order is another one, with another id
#: expired, rejected            expired, rejected
#: ===========================  =================  =========================================================
STATES: Mapping[str, OrderState] = {
    **dict.fromkeys(
        (
            "accepted",
            "accepted_for_bidding",
            "calculated",
            "done_for_day",
            "held",
            "new",
            "partially_filled",
            "pending_cancel",
            "pending_new",
            "pending_replace",
            "pending_review",
            "stopped",
            "suspended",
        ),
        OrderState.ACCEPTED,
    ),
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "replaced": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}

#: What Alpaca's other activities are. A type that is not here is "other": compared, and shown to a person.
MOVEMENTS: Mapping[str, MovementKind] = {
    **dict.fromkeys(
        ("CGD", "DIV", "DIVCGL", "DIVCGS", "DIVFT", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX"), "dividend"
    ),
    **dict.fromkeys(("CFEE", "DIVFEE", "FEE", "PTC", "PTR"), "fee"),
    **dict.fromkeys(("INT", "INTNRA", "INTTW"), "interest"),
    # Shares come and go by these; their cash is that of the fraction, or of the merger.
    **dict.fromkeys(
        ("CIL", "MA", "NC", "REORG", "SC", "SPIN", "SPLIT", "SSO", "SSP", "VOF"), "corporate_action"
    ),
    **dict.fromkeys(("ACATC", "ACATS", "CSD", "CSW", "FOPT", "JNL", "JNLC", "JNLS", "TRANS"), "transfer"),
}

#: In which an account may trade; of the others Alpaca says that it waits for an approval, or is closed.
_TRADES = ("ACTIVE",)
#: The same at the paper service.
_TRADES_ON_PAPER = ("ACTIVE", "PAPER_ONLY")

#: What keeps an account from trading, by its field.
_BLOCKS = {
    "account_blocked": "all activity is blocked by Alpaca",
    "trading_blocked": "orders are blocked by Alpaca",
    "trade_suspended_by_user": "its owner has suspended trading in its settings",
}
#: What hinders no order of the desk: it moves no money, and trades once a day.
_NOTES = {
    "transfers_blocked": "transfers are blocked by Alpaca",
    "pattern_day_trader": "it is flagged as a pattern day trader",
}

#: The closing auction is written down after the bell, and belongs to the session that it closes; the desk's
#: own orders are never executed in extended hours.
AFTER_THE_BELL = timedelta(minutes=15)

_SIDES: Mapping[str, Side] = {"buy": "buy", "sell": "sell", "sell_short": "sell"}


class Rubbish(Exception):
    """An answer, or the `part` of it that says nothing, and why."""

    def __init__(self, why: str, part: Any) -> None:
        super().__init__(why)
        self.part = part


@dataclass(frozen=True)
class Symbols:
    """How a book and Alpaca name the same thing.

    Alpaca writes a currency pair BTC/USD in orders and may write BTCUSD in positions and activities, and a
    class of shares BRK.B where a book may have BRK-B.
    """

    universe: Mapping[str, Instrument]

    def theirs(self, symbol: str) -> str:
        """Alpaca's name of a book's symbol."""
        instrument = self.universe.get(symbol)
        crypto = instrument is not None and instrument.asset_class == "crypto"
        return symbol.replace("-", "/") if crypto else symbol.replace("-", ".").replace("/", ".")

    def ours(self, name: str) -> str:
        """The book's name of what Alpaca names; of what the book does not trade, Alpaca's own."""
        for symbol, instrument in self.universe.items():
            known = self.theirs(symbol)
            if name == known or (instrument.asset_class == "crypto" and name == known.replace("/", "")):
                return symbol
        return name.replace("/", "-")


def order_of(answer: Any, symbols: Symbols) -> BrokerOrder:
    """An order. One in dollars instead of units (only people send those) has what was filled as quantity."""
    fields = mapping_of(answer, "an order")
    try:
        UUID(text_of(fields, "id"))
    except ValueError:
        raise Rubbish(f"its id {fields['id']!r} is no UUID", fields) from None
    status = text_of(fields, "status")
    if status not in STATES:
        raise Rubbish(f"its status {status!r} is none that Alpaca describes", fields)
    filled = number_of(fields, "filled_qty")
    in_units = fields.get("qty") is not None
    quantity = number_of(fields, "qty") if in_units else filled
    if filled < 0 or quantity < 0 or filled > quantity:
        raise Rubbish(f"{filled} of {quantity} units cannot be filled", fields)
    state = STATES[status]
    if state is OrderState.FILLED and filled != quantity:
        raise Rubbish(f"it is filled with {filled} of {quantity} units", fields)
    if state is OrderState.ACCEPTED and filled:
        state = OrderState.PARTIALLY_FILLED
    return BrokerOrder(
        client_order_id=text_of(fields, "client_order_id"),
        symbol=symbols.ours(text_of(fields, "symbol")),
        side=_side_of(fields),
        quantity=quantity,
        state=state,
        filled=filled,
        answer=fields,
        received_at=None if fields.get("created_at") is None else instant_of(fields, "created_at"),
    )


def account_of(answer: Any, name: str, *, live: bool) -> Account:
    """An account, and what keeps it from trading.

    Parameters
    ----------
    answer : dict
    name : str
        The book's name of it.
    live : bool
        Whether it is at the service for real money.
    """
    fields = mapping_of(answer, "an account")
    allowed = _TRADES if live else _TRADES_ON_PAPER
    status, crypto = text_of(fields, "status"), fields.get("crypto_status")
    every = [] if status in allowed else [f"its status is {status}"]
    every += [f"{why} ({flag})" for flag, why in _BLOCKS.items() if _is_set(fields, flag)]
    currency = fields.get("currency") or "USD"
    if currency != "USD":
        every.append(f"its currency is {currency}, and the desk counts in USD")
    coins = [] if not crypto or crypto in allowed else [f"its status for crypto is {crypto}"]
    power = fields.get("buying_power")
    return Account(
        name=name,
        cash=to_cents(number_of(fields, "cash")),
        buying_power=None if power is None else to_cents(number_of(fields, "buying_power")),
        obstacles={"": tuple(every), "crypto": tuple(coins)},
        notes=tuple(f"{why} ({flag})" for flag, why in _NOTES.items() if _is_set(fields, flag)),
    )


def positions_of(answer: Any, symbols: Symbols) -> dict[str, Decimal]:
    """Signed quantities by symbol."""
    held: dict[str, Decimal] = {}
    for one in list_of(answer, "positions"):
        fields = mapping_of(one, "a position")
        symbol, quantity, side = (
            symbols.ours(text_of(fields, "symbol")),
            number_of(fields, "qty"),
            text_of(fields, "side"),
        )
        if side not in ("long", "short") or (side == "long" and quantity < 0) or symbol in held:
            raise Rubbish(f"{side} {quantity} {symbol} is no position", fields)
        held[symbol] = -abs(quantity) if side == "short" else quantity
    return {symbol: quantity for symbol, quantity in held.items() if quantity}


def fill_of(activity: Any, client_order_ids: Mapping[str, str], symbols: Symbols, calendar: Calendar) -> Fill:
    """An execution, with quantity and price as they came; what they are worth is judged by others.

    Parameters
    ----------
    activity : dict
        One of the type FILL.
    client_order_ids : mapping of str to str
        By Alpaca's own id of the order; one that is not there belongs to no order.
    symbols : Symbols
    calendar : Calendar
        Whose sessions executions belong to.
    """
    fields = mapping_of(activity, "an execution")
    commission = fields.get("commission")
    symbol, at = symbols.ours(text_of(fields, "symbol")), instant_of(fields, "transaction_time")
    instrument = symbols.universe.get(symbol)
    rings = instrument is not None and not instrument.continuous
    return Fill(
        execution_id=text_of(fields, "id"),
        client_order_id=client_order_ids.get(text_of(fields, "order_id"), ""),
        symbol=symbol,
        side=_side_of(fields),
        quantity=number_of(fields, "qty"),
        price=to_price(number_of(fields, "price")),
        commission=ZERO if commission is None else to_cents(number_of(fields, "commission")),
        session=_session_of(at - AFTER_THE_BELL if rings else at, calendar, fields),
        executed_at=at,
    )


def movement_of(activity: Any, symbols: Symbols, calendar: Calendar) -> Movement | None:
    """What an activity beside executions moved; None when it was taken back.

    It counts from its creation: fees and dividends carry the date of what caused them, and reach the account
    the night after or later. The quantity of a dividend in cash is what it was paid on, and moves nothing;
    the units of a corporate action are the ledger's by the action itself, and compared as positions.
    """
    fields = mapping_of(activity, "an activity")
    if fields.get("status") == "canceled":
        return None
    name = text_of(fields, "activity_type")
    cash = ZERO if fields.get("net_amount") is None else to_cents(number_of(fields, "net_amount"))
    quantity = ZERO if fields.get("qty") is None else number_of(fields, "qty")
    kind = MOVEMENTS.get(name, "other")
    if kind == "fee" and "borrow" in str(fields.get("description") or "").lower():
        kind = "borrow"  # Alpaca has no type of its own for what a short position's loan costs
    if kind == "corporate_action" or (kind == "dividend" and cash):
        quantity = ZERO
    created = fields.get("created_at")
    at = _midnight(fields) if created is None else instant_of(fields, "created_at")
    said = (name, fields.get("activity_sub_type"), fields.get("description"))
    return Movement(
        movement_id=text_of(fields, "id"),
        kind=kind,
        symbol=symbols.ours(str(fields.get("symbol") or "")),
        quantity=quantity,
        cash=cash,
        session=_session_of(at, calendar, fields),
        words=" ".join(str(one) for one in said if one),
        moved_at=None if created is None else at,
    )


def mapping_of(answer: Any, what: str) -> dict[str, Any]:
    """The answer, when it is a JSON object."""
    if not isinstance(answer, dict):
        raise Rubbish(f"{what} was expected, found {type(answer).__name__}", answer)
    return answer


def list_of(answer: Any, what: str) -> list[Any]:
    """The answer, when it is a JSON array."""
    if not isinstance(answer, list):
        raise Rubbish(f"a list of {what} was expected, found {type(answer).__name__}", answer)
    return answer


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field that must hold some text."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Rubbish(f"its {name} is {value!r}, no text", fields)
    return value


def number_of(fields: Mapping[str, Any], name: str) -> Decimal:
    """A field that must hold a finite number, which Alpaca writes as text."""
    value = fields.get(name)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        # The bound is far above any amount, and keeps an exponent from asking for gigabytes of digits.
        if number.is_finite() and number.adjusted() < 20:
            return number
    raise Rubbish(f"its {name} is {value!r}, no number", fields)


def instant_of(fields: Mapping[str, Any], name: str) -> datetime:
    """A field that must hold an instant with its offset; what is finer than a microsecond is cut off."""
    try:
        moment = datetime.fromisoformat(text_of(fields, name))
    except ValueError:
        raise Rubbish(f"its {name} is {fields[name]!r}, no instant", fields) from None
    if moment.tzinfo is None:
        raise Rubbish(f"its {name} {fields[name]!r} lacks the offset from UTC", fields)
    return moment.astimezone(UTC)


def _side_of(fields: Mapping[str, Any]) -> Side:
    side = text_of(fields, "side")
    if side not in _SIDES:
        raise Rubbish(f"its side is {side!r}, neither buy nor sell", fields)
    return _SIDES[side]


def _is_set(fields: Mapping[str, Any], name: str) -> bool:
    """Whether a flag is set; one that is not there is not."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Rubbish(f"its {name} is {value!r}, neither true nor false", fields)


def _session_of(at: datetime, calendar: Calendar, fields: Mapping[str, Any]) -> date:
    """The session that an instant counts in; one that the calendar does not reach is rubbish."""
    try:
        return calendar.session_of(at)
    except Refused as error:
        raise Rubbish(str(error), fields) from None


def _midnight(fields: Mapping[str, Any]) -> datetime:
    """The start of the UTC day that an activity's date names."""
    text = text_of(fields, "date")
    try:
        return datetime.combine(date.fromisoformat(text[:10]), time(), UTC)
    except ValueError:
        raise Rubbish(f"its date is {text!r}, no date", fields) from None
