"""What a real broker pays days after the ledger has booked it: dividends, cash in lieu, cash of a merger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from nightdesk.accounting.conversion import IN_LIEU
from nightdesk.accounting.late_actions import LATE
from nightdesk.accounting.ledger import Entry, EntryKind
from nightdesk.core.money import CENT, ZERO
from nightdesk.orders.broker_account import Movement, MovementKind

#: It is booked on its ex-date and paid later: so long it may be on its way.
PAYMENT_DAYS = 60
#: So far back ex-dates and payments are matched.
PAYMENTS_LOOKED_BACK = timedelta(days=2 * PAYMENT_DAYS)

#: A broker sells fractions at a price of its own: cash in lieu may miss what was booked by this share of it.
IN_LIEU_DEVIATION = Decimal("0.25")

#: Kinds of ledger entries that are paid later, and the movements that pay them.
PAID_BY: dict[EntryKind, MovementKind] = {
    "dividend": "dividend",
    "capital_gain": "dividend",
    "return_of_capital": "dividend",
    "exchange": "corporate_action",
    "redemption": "corporate_action",
    "adjustment": "corporate_action",
}


@dataclass(frozen=True)
class Expected:
    """Cash of one action that the ledger has booked, and the payment that is taken for it.

    `cash` is the account's, signed: negative where a short position owes it. `symbol` is the ledger's,
    `symbols` are those under which a broker may name it.
    """

    day: date
    kind: EntryKind
    symbol: str
    symbols: tuple[str, ...]
    cash: Decimal
    payment: Movement | None = None


def is_paid_later(entry: Entry) -> bool:
    """Whether a real broker pays an entry's cash after the ledger has booked it."""
    if entry.kind == "adjustment":
        return entry.reference.startswith(IN_LIEU)
    return entry.kind in PAID_BY and bool(entry.cash)


def expected_payments(owed: Sequence[Entry], movements: Sequence[Movement]) -> tuple[Expected, ...]:
    """Each action's cash with its payment, the oldest first.

    A payment is that of the oldest ex-date before it which has none. One of the other sign is none: a tax
    that is withheld comes beside the dividend.

    Parameters
    ----------
    owed : sequence of Entry
        Entries of which `is_paid_later` is true.
    movements : sequence of Movement
        What the broker told, of any kind.
    """
    groups: dict[tuple[date, str, str], Expected] = {}
    for entry in owed:
        day = entry.session if entry.since is None or entry.kind == "exchange" else entry.since
        key = (day, entry.symbol, entry.reference)
        new = Expected(day, entry.kind, entry.symbol, _names(entry), ZERO)
        before = groups.get(key, new)
        groups[key] = replace(before, cash=before.cash + entry.cash)
    left = sorted(movements, key=lambda one: (one.session, one.movement_id))
    out = []
    for _, one in sorted(groups.items()):
        payment = next((paid for paid in left if _pays(paid, one)), None)
        if payment is not None:
            left.remove(payment)
        out.append(replace(one, payment=payment))
    return tuple(out)


def receivable(owed: Sequence[Entry], paid: Sequence[Movement], session: date) -> Decimal:
    """What the ledger has booked and the broker has not paid yet; less than nothing where it is owed to it.

    What is older than `PAYMENT_DAYS` is no longer on its way: it shows as a difference of cash. So does what
    was paid more or less than booked, but for cash in lieu: see `corrections`.

    Parameters
    ----------
    owed : sequence of Entry
        Entries of which `is_paid_later` is true.
    paid : sequence of Movement
        The broker's payments.
    session : date
        The session that is settled.
    """
    waiting = timedelta(days=PAYMENT_DAYS)
    open_ones = (one for one in expected_payments(owed, paid) if one.payment is None)
    return sum((one.cash for one in open_ones if session <= one.day + waiting), ZERO)


def corrections(owed: Sequence[Entry], movements: Sequence[Movement]) -> tuple[Movement, ...]:
    """What payments of cash in lieu were more or less than booked, as movements of that amount.

    Only where the amount is near: another one is a difference, which a person looks at.
    """
    out = []
    for one in expected_payments(owed, movements):
        if one.kind != "adjustment" or one.payment is None:
            continue
        more = one.payment.cash - one.cash
        if more and abs(more) <= abs(one.cash) * IN_LIEU_DEVIATION + CENT:
            words = f"{one.payment.words}: {one.payment.cash} paid, {one.cash} booked"
            out.append(replace(one.payment, symbol=one.symbol, cash=more, quantity=ZERO, words=words))
    return tuple(out)


def _names(entry: Entry) -> tuple[str, ...]:
    """The symbols under which a broker may pay an entry: of a fraction of a new one, the old one too."""
    head, day = f"{IN_LIEU}{entry.symbol}-", len("2021-06-15-")
    before = entry.reference.removesuffix(LATE)[len(head) + day :] if entry.kind == "adjustment" else ""
    return (entry.symbol, before) if before else (entry.symbol,)


def _pays(paid: Movement, one: Expected) -> bool:
    return (
        paid.kind == PAID_BY[one.kind]
        and paid.symbol in one.symbols
        and paid.cash * one.cash > 0
        and one.day <= paid.session <= one.day + timedelta(days=PAYMENT_DAYS)
    )
