"""What must hold between a desk and its broker at every moment; each check gives what is wrong, in words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.fakes.alpaca_state import CRYPTO, ENDED, to_cents
from tests.fakes.exchange_hours import NEW_YORK
from tests.matrices.checks import never_back, only_true_fills
from tests.session.protocol_days import Days
from tests.session.small_desk import session

from nightdesk.core.calendar import get_calendar

CAPITAL = Decimal(100_000)

_ORDERS = """
SELECT client_order_id, session, symbol, side, purpose, generation,
    quantity, status, attempts, filled_quantity
FROM nightdesk.orders ORDER BY session, client_order_id
"""

_BOOKS = """
SELECT f.session, f.cash, f.nav,
    (SELECT sum(e.cash) FROM nightdesk.ledger_entries e WHERE e.session <= f.session),
    (SELECT coalesce(sum(p.market_value), 0) FROM nightdesk.positions p WHERE p.session = f.session)
FROM nightdesk.portfolio f ORDER BY f.session
"""

_POSITIONS = """
SELECT symbol, sum(quantity) FROM nightdesk.positions WHERE session = %s
GROUP BY symbol HAVING sum(quantity) <> 0
"""

_REFUSED = "SELECT execution_id, refused FROM nightdesk.executions WHERE refused IS NOT NULL"
_DIFFERENCES = "SELECT session, item, ledger_value, broker_value FROM nightdesk.reconciliations"
_STOPPED = "SELECT session, reason FROM nightdesk.risk_events WHERE who = 'settle'"


@dataclass(frozen=True)
class Ours:
    """An order as the desk has it."""

    name: str
    session: date
    symbol: str
    side: str
    purpose: str
    generation: int
    quantity: Decimal
    status: str
    attempts: int
    filled: Decimal

    @property
    def decision(self) -> tuple[object, ...]:
        """What it was decided for, whichever try it is."""
        return (self.session, self.symbol, self.side, self.purpose)


def orders_of(days: Days) -> list[Ours]:
    """All orders that the desk has decided."""
    return [Ours(*row) for row in days.rows(_ORDERS)]  # type: ignore[arg-type]


def all_wrong(days: Days) -> list[str]:
    """Everything that does not hold."""
    ours = orders_of(days)
    checks = (once(days, ours), filled(days, ours), in_time(days, ours), asked_before(days), books(days))
    return [
        *(one for check in checks for one in check),
        *never_back(days),  # type: ignore[arg-type]
        *only_true_fills(days),  # type: ignore[arg-type]
    ]


def once(days: Days, ours: list[Ours]) -> Iterator[str]:
    """Each order at the broker is one of ours, and of a decision one works there at most."""
    fake, known = days.fake, {one.name: one for one in ours}
    there = {one["client_order_id"]: one for one in fake.orders}
    names = Counter(one["client_order_id"] for one in fake.orders)
    yield from (f"{name} is at the broker {count} times" for name, count in names.items() if count > 1)
    if fake.created != len(fake.orders):
        yield f"{fake.created} requests have created {len(fake.orders)} orders"
    at_work: Counter[tuple[object, ...]] = Counter()
    executed: Counter[tuple[object, ...]] = Counter()
    for one in fake.orders:
        own = known.get(one["client_order_id"])
        if own is None:
            yield f"{one['client_order_id']} is at the broker and was never decided"
            continue
        sent = (own.symbol, own.side, own.quantity)
        if (one["symbol"].replace("/", "-"), one["side"], Decimal(one["qty"])) != sent:
            yield f"{own.name} is {one['side']} {one['qty']} {one['symbol']} there, and {sent} here"
        if not own.attempts:
            yield f"{own.name} is at the broker, and no attempt was counted"
        at_work[own.decision] += one["status"] not in ENDED
        executed[own.decision] += Decimal(one["filled_qty"])  # type: ignore[assignment]
    yield from (f"of {decision} {n} orders work at once" for decision, n in at_work.items() if n > 1)
    asked = {one.decision: one.quantity for one in ours if not one.generation}
    for decision, units in executed.items():
        if units > asked[decision]:
            yield f"of {decision} {units} were executed, and {asked[decision]} decided"
    for one in ours:
        earlier = sum(
            Decimal(there[other.name]["filled_qty"])
            for other in ours
            if other.decision == one.decision and other.generation < one.generation and other.name in there
        )
        if one.generation and one.quantity + earlier > asked[one.decision]:
            yield f"{one.name} asks for {one.quantity} after {earlier} of {asked[one.decision]}"


def filled(days: Days, ours: list[Ours]) -> Iterator[str]:
    """Nothing is counted as executed that was not, and nothing beyond what was asked for."""
    there = {one["client_order_id"]: Decimal(one["filled_qty"]) for one in days.fake.orders}
    for one in ours:
        if not 0 <= one.filled <= min(one.quantity, there.get(one.name, Decimal(0))):
            yield f"{one.name}: {one.filled} filled of {one.quantity}, {there.get(one.name)} there"


def in_time(days: Days, ours: list[Ours]) -> Iterator[str]:
    """An order arrives between the close that decided it and the open that it is meant for."""
    calendar, known = get_calendar(), {one.name: one for one in ours}
    for one in days.fake.orders:
        own, at = known.get(one["client_order_id"]), datetime.fromisoformat(one["created_at"])
        if own is None:
            continue
        if not calendar.known_from(own.session) < at < calendar.open_at(calendar.shift(own.session, 1)):
            yield f"{own.name} of {own.session} arrived at {at}"


def asked_before(days: Days) -> Iterator[str]:
    """Before an order is sent a second time, the broker is asked about it."""
    last: dict[str, str] = {}
    for one in list(days.fake.requests):
        if one.endpoint == "submit":
            name = one.body["client_order_id"]
            if last.get(name) == "submit":
                yield f"{name} was sent twice, and nobody asked in between"
            last[name] = "submit"
        elif one.endpoint == "query":
            last[one.query["client_order_id"]] = "query"


def books(days: Days) -> Iterator[str]:
    """Cash and positions are the NAV, follow from the entries, and are what the account had at that close."""
    for day, item, own, theirs in days.rows(_DIFFERENCES):
        yield f"the settling of {day} found {item}: ledger {own}, broker {theirs}"
    yield from (f"the settling of {day} has stopped the book: {why}" for day, why in days.rows(_STOPPED))
    happened = {one["id"] for one in days.fake.exchange.state.activities}
    for execution, reason in days.rows(_REFUSED):
        # One that is booked can be told badly later, which is refused and told to people.
        if execution in happened and "was booked as" not in reason:
            yield f"execution {execution} happened and was refused: {reason}"
    marks = days.rows(_BOOKS)
    for day, cash, nav, entries, worth in marks:
        if cash != entries or nav != cash + worth:  # type: ignore[operator]
            yield f"{day}: NAV {nav}, cash {cash}, entries of {entries}, positions worth {worth}"
    if marks:
        day, cash = marks[-1][:2]
        held = {str(symbol): quantity for symbol, quantity in days.rows(_POSITIONS, day)}
        there, positions = account_at(days, day)  # type: ignore[arg-type]
        if (cash, held) != (there, positions):
            yield f"{day}: the ledger has {cash} and {held}, the account had {there} and {positions}"


def account_at(days: Days, day: date) -> tuple[Decimal, dict[str, Decimal]]:
    """Cash and positions of the account by its executions up to the close of a session."""
    cash, positions = CAPITAL, Counter[str]()
    for one in days.fake.exchange.state.activities:
        if session_of(one) > day:
            continue
        signed = Decimal(one["qty"]) * (1 if one["side"] == "buy" else -1)
        cash -= to_cents(signed * Decimal(one["price"]))
        positions[one["symbol"].replace("/", "-")] += signed  # type: ignore[assignment]
    return cash, {name: Decimal(units) for name, units in positions.items() if units}


def executed_after(days: Days, number: int) -> set[str]:
    """The client ids of orders that were executed in part after a session: the next one books that."""
    names = {one["id"]: one["client_order_id"] for one in days.fake.orders}
    told = days.fake.exchange.state.activities
    return {names[one["order_id"]] for one in told if session_of(one) > session(number)}


def session_of(execution: dict[str, Any]) -> date:
    """The session that an execution of the fake belongs to: for crypto the first that closes after it."""
    at = datetime.fromisoformat(execution["transaction_time"])
    if execution["symbol"] not in CRYPTO:
        return at.astimezone(NEW_YORK).date()  # the closing auction is written down after the bell
    number = 0
    while get_calendar().close_at(session(number)) < at:
        number += 1
    return session(number)
