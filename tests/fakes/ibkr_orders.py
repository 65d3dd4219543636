"""What the fake gateway does with an order that arrives: read it, check it, put it into the market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tests.fakes.exchange_hours import is_open, next_close, next_open
from tests.fakes.ibkr_wire import Reader, Unreadable, local

KINDS = ("MKT", "LMT", "STP", "STP LMT", "MOC", "LOC")
TIMES = ("DAY", "GTC", "OPG", "IOC")


class Rejection(Exception):
    """An error in answer to an order.

    Attributes
    ----------
    code : int
    kept : bool
        Whether the order exists as an inactive one all the same: it was rejected by IBKR, not by TWS.
    """

    def __init__(self, code: int, text: str, *, kept: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.kept = kept


@dataclass(frozen=True)
class Wanted:
    """A contract as a client describes it."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    primary: str
    currency: str
    local_symbol: str

    @classmethod
    def read(cls, reader: Reader) -> Wanted:
        con_id, symbol, sec_type = reader.whole(), reader.text(), reader.text()
        reader.skip(4)  # last trade date, strike, right, multiplier
        exchange, primary, currency, local = (reader.text() for _ in range(4))
        reader.skip(1)  # trading class
        return cls(con_id, symbol, sec_type, exchange, primary, currency, local)


@dataclass(frozen=True)
class Asked:
    """An order as it was sent."""

    order_id: int
    contract: Wanted
    action: str
    quantity: Decimal
    kind: str
    limit: Decimal | None
    stop: Decimal | None
    tif: str
    oca_group: str
    account: str
    order_ref: str
    transmit: bool
    parent_id: int
    outside_hours: bool
    oca_type: int
    what_if: bool
    preset: bool


def read_order(fields: list[str]) -> Asked:
    """The fields of a placeOrder request.

    Raises
    ------
    Unreadable
        Where they are not those of a plain order for a stock: combinations, algorithms, scales, hedges and
        conditions are not read here.
    """
    reader = Reader(fields)
    order_id, contract = reader.whole(), Wanted.read(reader)
    reader.skip(2)  # security id
    action, quantity, kind = reader.text(), reader.number(), reader.text()
    limit, stop, tif, group, account = (
        reader.number(),
        reader.number(),
        reader.text(),
        reader.text(),
        reader.text(),
    )
    reader.skip(2)  # open or close, origin
    order_ref, transmit, parent_id = reader.text(), reader.flag(), reader.whole()
    reader.skip(4)  # block, sweep, display size, trigger method
    outside_hours = reader.flag()
    reader.skip(1)  # hidden
    if contract.sec_type == "BAG":
        raise Unreadable("combinations are not read here")
    reader.skip(7)  # shares allocation, discretionary amount, good after and till, adviser's three
    reader.skip(4)  # model code, short sale slot, location, exempt code
    oca_type = reader.whole()
    reader.skip(17)  # rule 80A to volatility type
    _must_be_empty(reader.text(), "delta neutral order type")
    reader.skip(7)  # delta neutral price, continuous update to the scale's second size
    _must_be_empty(reader.text(), "scale")
    reader.skip(3)  # scale table, active times
    _must_be_empty(reader.text(), "hedge")
    reader.skip(4)  # smart routing, clearing, not held
    if reader.flag():
        raise Unreadable("delta neutral contracts are not read here")
    _must_be_empty(reader.text(), "algorithm")
    reader.skip(1)
    what_if = reader.flag()
    reader.skip(4)  # options, solicited, randomise
    if reader.whole():
        raise Unreadable("conditions are not read here")
    reader.skip(19)  # adjusted order to price management
    reader.skip(5)  # duration, post to ATS, cancel the parent, override, time of a manual order
    reader.end()
    return Asked(
        order_id,
        contract,
        action,
        quantity or Decimal(0),
        kind,
        limit,
        stop,
        tif or "DAY",
        group,
        account,
        order_ref,
        transmit,
        parent_id,
        outside_hours,
        oca_type or 3,
        what_if,
        preset=not tif,
    )


def check(asked: Asked, account: str, min_tick: Decimal, now: datetime) -> None:
    """Refuse what TWS itself refuses.

    Raises
    ------
    Rejection
    """
    if asked.action not in ("BUY", "SELL"):
        raise Rejection(321, _invalid(f"Invalid order action: {asked.action}"))
    if asked.quantity <= 0:
        raise Rejection(434, "The order size cannot be zero")
    if asked.quantity != asked.quantity.to_integral_value():
        raise Rejection(
            10243,
            "Fractional-sized order cannot be placed via API. "
            "Please use desktop version to place this order.",
        )
    if asked.kind not in KINDS:
        raise Rejection(387, "Unsupported order type for this exchange and security type")
    if asked.tif not in TIMES:
        raise Rejection(321, _invalid(f"Invalid time in force: {asked.tif}"))
    if asked.account not in ("", account):
        raise Rejection(321, _invalid("Invalid account code"))
    if not asked.contract.exchange:
        raise Rejection(321, _invalid("Missing order exchange"))
    for price in (asked.limit, asked.stop):
        if price is not None and price % min_tick:
            raise Rejection(
                110, "The price does not conform to the minimum price variation for this contract."
            )
    if asked.kind in ("LMT", "LOC", "STP LMT") and not asked.limit:
        raise Rejection(321, _invalid("Missing or invalid limit price"))
    if asked.kind.startswith("STP") and not asked.stop:
        raise Rejection(321, _invalid("Missing or invalid stop price"))
    if asked.tif == "OPG" and not opg_taken(now):
        raise Rejection(201, "Order rejected - reason:Exchange is closed.", kept=True)


def opg_taken(now: datetime) -> bool:
    """Whether an order for the opening auction is taken: from the close until 9:28."""
    return not is_open(now) and next_open(now) - now > timedelta(minutes=2)


def expiry(tif: str, now: datetime) -> datetime | None:
    """When an order ends; None for never."""
    if tif == "OPG":
        return next_open(now) + timedelta(hours=1)
    return None if tif == "GTC" else next_close(now)


def held_notice(action: str, quantity: Decimal, symbol: str, now: datetime) -> str:
    """What TWS says of an order that waits for the open."""
    when = local(next_open(now))
    when = f"{when[:4]}-{when[4:6]}-{when[6:]}"
    return (
        f"Order Message:\n{action} {quantity:f} {symbol} NASDAQ.NMS\n"
        f"Warning: Your order will not be placed at the exchange until {when}."
    )


def _invalid(cause: str) -> str:
    return f"Error validating request.-'bW' : cause - {cause}"


def _must_be_empty(text: str, what: str) -> None:
    if text:
        raise Unreadable(f"{what} {text!r} is not read here")
