"""Orders: what is sent to a broker, whose wish it is, and the identity that makes it unique."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cache, lru_cache
from typing import Literal, Protocol

from nightdesk.core.account_terms import MAIN
from nightdesk.core.errors import Refused
from nightdesk.core.money import to_price

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop", "bracket", "oco"]
TimeInForce = Literal["day", "open", "close", "gtc", "ioc"]

BASIS_POINTS = Decimal(10_000)

#: How the id of the exits ends that a bracket's entry brings with it, after that of the entry.
_EXITS = "/exits"

#: Characters that a name has in an id; of a longer one the first three, and a part of its hash.
_NAME = 6

_IDENTITY = re.compile(
    r"(?P<book>[a-z0-9_-]{0,6})-(?P<session>\d{6})-(?P<symbol>[a-z0-9_-]{0,6})-"
    r"(?:(?P<side>[bs])(?P<whole>[0-9a-f]{14})|"
    r"(?P<marked>[BS])(?P<mark>[a-z0-9]{6})(?P<digest>[0-9a-f]{8}))"
)

#: Of ids made before they were short enough for every broker; databases and accounts hold them. Read from
#: behind: names of books and symbols may hold dashes, and a day's eight digits.
_EARLIER = re.compile(
    r"(?P<book>[a-z0-9-]*)-(?P<session>\d{8})-(?P<symbol>[a-z0-9-]*)-(?P<side>[bs])-"
    r"(?:(?P<mark>[a-z0-9]{6})-(?P<digest>[0-9a-f]{8})|(?P<whole>[0-9a-f]{14}))"
)


@dataclass(frozen=True, slots=True)
class Intent:
    """The part that one strategy has in an order; `quantity` is signed, in units of the instrument.

    `bundle` is the id of the bundle that it is a leg of (`bundle_id`), empty where it is of none; of an order
    that a broker holds for several, all ids with a space between. `bundle_units` is how many whole units of
    it are opened; 0 where its legs have no whole ratio, or it is closed.
    """

    strategy: str
    symbol: str
    quantity: Decimal
    bundle: str = ""
    bundle_units: int = 0


@dataclass(frozen=True, slots=True)
class Cross:
    """Intents for one symbol that cancel each other out: they change hands inside the book, nothing is sent.

    They were decided at `session`; `price` is the raw dollar price that the decision was made at.
    """

    session: date
    symbol: str
    price: Decimal
    intents: tuple[Intent, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a book for one symbol, decided at `session` and meant for the next open.

    `quantity` is positive, in units of the instrument, and the signed sum of `intents`. `reference_price` is
    the raw dollar price that the decision was made at. `purpose` says which part of the decision asks for it.

    `limit_price` is the worst price of a limit order, `stop_price` where a stop order (or the stop of a
    bracket or an oco) becomes a market order, `target_price` where those take their profit; all in raw
    dollars. A bracket enters a position and brings its exits with it, a stop and mostly a target, which are
    an order by themselves (`exits_id`); an oco is both for a position that is held, and one cancels the
    other. `account` is that of the book which it goes to.
    """

    client_order_id: str
    book: str
    session: date
    as_of: datetime
    symbol: str
    side: Side
    quantity: Decimal
    purpose: str
    reference_price: Decimal
    intents: tuple[Intent, ...]
    generation: int = 0
    order_type: OrderType = "market"
    time_in_force: TimeInForce = "day"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    account: str = MAIN

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its effect on the position."""
        return self.quantity if self.side == "buy" else -self.quantity

    @property
    def rests(self) -> bool:
        """Whether it may wait at the broker over many decisions, until it is filled or cancelled."""
        return self.time_in_force == "gtc"

    @property
    def meets_stop(self) -> bool:
        """Whether its stop or target is where it is executed; those of a bracket are where its exits are."""
        return self.stop_price is not None and self.order_type != "bracket"

    @property
    def exit_side(self) -> Side:
        """The side of its stop and its target, where it has any: of a bracket's the other than its own."""
        if self.order_type != "bracket":
            return self.side
        return "sell" if self.side == "buy" else "buy"

    @property
    def bundles(self) -> tuple[str, ...]:
        """Ids of the bundles that it is a leg of, sorted."""
        return tuple(sorted({name for one in self.intents for name in one.bundle.split()}))

    @property
    def fills_together(self) -> bool:
        """Whether it opens bundles and does nothing else: then it fills to the same share as their other
        legs.
        """
        for one in self.intents:
            if not one.bundle.endswith(OPENING):
                return False
        return bool(self.intents)

    @property
    def bundle_units(self) -> int:
        """Equal parts that each of its bundles can be cut into, in whole units; 0 where any part will do."""
        return math.gcd(*(one.bundle_units for one in self.intents))


#: How the id of a bundle ends that is opened, or added to.
OPENING = ":open"


def bundle_id(book: str, as_of: datetime, strategy: str, code: int, *, opens: bool) -> str:
    """The identity of a bundle's orders in a decision: the same decision always has the same one.

    Parameters
    ----------
    book, as_of, strategy
        Of the decision.
    code : int
        Of the bundle, as its strategy names it.
    opens : bool
        Whether it is opened or added to; else it is closed, wholly or in part.
    """
    moment = as_of.astimezone(UTC)
    return f"{book}:{moment:%Y%m%dT%H%M}:{strategy}:{code}{OPENING if opens else ':close'}"


def client_order_id(
    book: str, as_of: datetime, symbol: str, side: str, purpose: str, generation: int = 0, mark: str = ""
) -> str:
    """The identity of an order: the same decision of an installation always has the same one.

    ``book-day-symbol-`` and then ``b`` or ``s`` (the side) and a digest over all of the arguments but the
    mark. With the mark of an installation, which an order carries that leaves for a real broker: ``B`` or
    ``S``, the mark, and the start of the digest. A name of more than `_NAME` characters is there by its first
    three and a part of its hash. At most 36 characters of ``[A-Za-z0-9_-]``: what the narrowest broker
    (Binance) takes. `read_client_order_id` is the way back.
    """
    day, moment = _written(as_of.astimezone(UTC))
    digest = _digest(book, moment, symbol, side, purpose, generation)
    tail = f"{side[0].upper()}{mark}{digest[:8]}" if mark else f"{side[0]}{digest[:14]}"
    return f"{_short(book)}-{day[2:]}-{_short(symbol)}-{tail}"


def earlier_client_order_id(
    book: str, as_of: datetime, symbol: str, side: str, purpose: str, generation: int = 0, mark: str = ""
) -> str:
    """The identity that the same order had before ids were short enough for every broker.

    Nothing is sent under it any more; it is made to find the decision behind an order that was.
    """
    day, moment = _written(as_of.astimezone(UTC))
    digest = _digest(book, moment, symbol, side, purpose, generation)
    tail = f"{mark}-{digest[:8]}" if mark else digest[:14]
    return f"{_plain(book)[:11]}-{day}-{_plain(symbol)[:9]}-{side[0]}-{tail}"


@lru_cache(maxsize=64)
def _written(moment: datetime) -> tuple[str, str]:
    """An instant of UTC as ids have it: its day, and all of it; the orders of a decision share it."""
    return f"{moment:%Y%m%d}", moment.isoformat()


def _digest(book: str, moment: str, symbol: str, side: str, purpose: str, generation: int) -> str:
    said = "|".join((book, moment, symbol, side, purpose, str(generation)))
    return hashlib.sha256(said.encode()).hexdigest()


def exits_id(entry: str) -> str:
    """The id of the exits that the entry of a bracket brings with it: they are an order by themselves, a stop
    or an oco that the broker makes once the entry is filled, whatever it calls its parts.
    """
    return f"{entry}{_EXITS}"


def entry_id(name: str) -> str | None:
    """The id of the entry that brought exits of this id with it; None for an order that came by itself."""
    return name.removesuffix(_EXITS) if name.endswith(_EXITS) else None


@dataclass(frozen=True, slots=True)
class OrderIdentity:
    """What a client order id of the desk says.

    Attributes
    ----------
    mark : str
        Of the installation that sent it; empty where the order was to leave for no real broker, or was
        planned before installations had marks.
    book, symbol : str
        Their names in lower case, with ``-`` for what is no letter or digit; of long ones how they begin,
        with a part of their hash after ``_``.
    session : date
        Day of the decision's instant in UTC.
    side : str
        "buy" or "sell".
    digest : str
        The start of the hash over all that the order is of.
    """

    mark: str
    book: str
    session: date
    symbol: str
    side: Side
    digest: str


def read_client_order_id(text: str) -> OrderIdentity | None:
    """What a client order id says; None when no desk has made it. Of exits it is what their entry's says.

    To find the decision behind it, make the ids of each one that it may be and compare: `client_order_id` and
    `earlier_client_order_id` with the whole names, every purpose and the generations from 0 on.
    """
    text = entry_id(text) or text
    found, form = _IDENTITY.fullmatch(text), "%y%m%d"
    if found is None:
        found, form = _EARLIER.fullmatch(text), "%Y%m%d"
    if found is None:
        return None
    try:
        session = datetime.strptime(found["session"], form).date()  # noqa: DTZ007 (a day has no zone)
    except ValueError:
        return None
    letter = found["side"] or found["marked"]
    side: Side = "buy" if letter in "bB" else "sell"
    digest = found["digest"] or found["whole"]
    return OrderIdentity(found["mark"] or "", found["book"], session, found["symbol"], side, digest)


def marked(order: Order, mark: str) -> Order:
    """The same order under the id with which it leaves for a real broker."""
    parts = (order.book, order.as_of, order.symbol, order.side, order.purpose, order.generation)
    return replace(order, client_order_id=client_order_id(*parts, mark))


def limit_price(side: Side, reference: Decimal, offset_bps: Decimal, tick: Decimal) -> Decimal:
    """The worst price of an order, at a distance from the price that it was decided at.

    Parameters
    ----------
    side : str
        "buy" or "sell".
    reference : Decimal
        Price of the decision, raw dollars.
    offset_bps : Decimal
        Basis points by which the limit is worse than the reference: above it for a purchase, below it for a
        sale. A negative one asks for a better price.
    tick : Decimal
        The limit is a multiple of it, in dollars; rounded so that it is never worse than the offset says.

    Raises
    ------
    Refused
        When the tick is so coarse that it leaves a purchase no price.
    """
    buys = side == "buy"
    moved = reference * (1 + (offset_bps if buys else -offset_bps) / BASIS_POINTS)
    ticks = (moved / tick).to_integral_value(ROUND_FLOOR if buys else ROUND_CEILING)
    if not ticks > 0:
        raise Refused(
            f"a limit {offset_bps} basis points from {reference} dollars is less than a tick of {tick}: "
            "give the symbol a smaller tick in the book's universe"
        )
    return to_price(ticks * tick)


def limited(order: Order, offset_bps: Decimal, tick: Decimal) -> Order:
    """The same order with a limit at a distance from its reference price; see `limit_price`."""
    try:
        limit = limit_price(order.side, order.reference_price, offset_bps, tick)
    except Refused as error:
        raise Refused(f"{order.book} {order.session}: {order.side} {order.symbol}: {error}") from None
    return replace(order, order_type="limit", limit_price=limit)


class HasTarget(Protocol):
    """An order that rests, however it is read: its side and where its target is, raw dollars."""

    @property
    def side(self) -> str: ...
    @property
    def target_price(self) -> Decimal | None: ...


def leg_filled(order: HasTarget, price: Decimal) -> Literal["stop", "target"]:
    """Which leg of a stop or an oco was executed at a price, raw dollars.

    A target is a limit: it is never executed at a worse price, and a stop never at so good a one.
    """
    target = order.target_price
    if target is None:
        return "stop"
    reached = price >= target if order.side == "sell" else price <= target
    return "target" if reached else "stop"


def worst_price(order: Order, price: Decimal) -> Decimal | None:
    """The limit of what was executed at a price: of a limit order, or of the target of an oco; None for what
    has none.
    """
    if order.meets_stop and order.target_price is not None and leg_filled(order, price) == "target":
        return order.target_price
    return order.limit_price


def price_met(order: Order, price: Decimal, opened: Decimal) -> Decimal:
    """What an execution is measured against: the session's open, raw dollars; of what rests the price that it
    rested at, where the open was not past it.
    """
    if order.stop_price is None or not order.meets_stop:
        return opened
    if leg_filled(order, price) == "target":
        rested = order.target_price or opened
        return max(opened, rested) if order.side == "sell" else min(opened, rested)
    return min(opened, order.stop_price) if order.side == "sell" else max(opened, order.stop_price)


def adds_risk(held: Decimal, change: Decimal) -> bool:
    """Whether a signed change takes a position further from flat, or to the other side of it."""
    return abs(held + change) > abs(held) or held * (held + change) < 0


@cache
@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@cache
def _short(text: str) -> str:
    """A name as an id has it: whole, or of a long one its beginning and a part of its hash."""
    plain = _plain(text)
    if len(plain) <= _NAME:
        return plain
    return f"{plain[: _NAME - 3]}_{hashlib.sha256(text.encode()).hexdigest()[:2]}"
