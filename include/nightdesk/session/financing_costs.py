"""What a real broker books as interest and borrow fees, beside what the book's rates make of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from nightdesk.accounting.financing import borrow_fees, interest_on
from nightdesk.accounting.ledger import Entry, EntryKind
from nightdesk.accounting.period import Rates, rates_of
from nightdesk.core.calendar import day_begins
from nightdesk.core.money import ZERO
from nightdesk.session.context import Context
from nightdesk.store.ledger_rows import dated_account_marks, dated_marks, positions_of, read_entries
from nightdesk.store.message_rows import raise_alert

#: A broker books at least once a month: further back nothing is compared.
LOOKED_BACK = timedelta(days=100)
#: Beyond this share of what the rates make, and beyond a dollar, a difference asks a person.
DEVIATION = Decimal("0.10")

_NAMES: dict[EntryKind, str] = {"interest": "interest", "borrow": "fees for borrowed units"}


@dataclass(frozen=True)
class Compared:
    """Dollars that a broker booked at a session, and what the book's rates make since it did so before."""

    account: str
    kind: EntryKind
    since: date
    booked: Decimal
    modelled: Decimal

    @property
    def near(self) -> bool:
        """Whether both come to about the same."""
        difference = abs(self.booked - self.modelled)
        return difference <= max(Decimal(1), abs(self.modelled) * DEVIATION)


def tell_financing(context: Context, entries: tuple[Entry, ...]) -> int:
    """Tell people of interest and borrow fees that a real broker has booked, and what the book's rates make.

    The backtest of the book goes by its rates: where they miss, it does.

    Parameters
    ----------
    context : Context
        The session that books them, in the transaction that stores it.
    entries : tuple of Entry
        All entries of the session.

    Returns
    -------
    int
        How many were told for the first time.
    """
    return sum(_tell(context, one) for one in compared(context, entries))


def compared(context: Context, entries: tuple[Entry, ...]) -> Iterator[Compared]:
    """What the session books of each kind in each account; nothing on paper, or where the book states no
    rates.
    """
    book, before = context.book, context.previous
    stated = book.financing is not None or book.cash.interest
    if before is None or not stated:
        return
    for account in (one for one in book.account_names if not book.is_simulated(one)):
        for kind in _NAMES:
            mine = [one.cash for one in entries if (one.kind, one.account) == (kind, account)]
            booked = sum(mine, ZERO)
            if booked:
                since = _since(context, account, kind, before)
                modelled = _modelled(context, account, kind, since, before)
                yield Compared(account, kind, since, booked, modelled)


def _since(context: Context, account: str, kind: EntryKind, before: datetime) -> date:
    """The session up to which the broker had booked before; the oldest one looked at where it never had."""
    first = max(context.record.inception or date.min, context.session - LOOKED_BACK)
    known = read_entries(context.conn, context.book.name, day_begins(first), before)
    mine = (one.session for one in known if (one.kind, one.account) == (kind, account))
    return max(mine, default=first)


def _modelled(context: Context, account: str, kind: EntryKind, since: date, before: datetime) -> Decimal:
    """What the book's rates make from the mark of `since` to the session, signed as cash."""
    rates, book = rates_of(context.book), context.book.name
    marks = dated_marks(context.conn, book, day_begins(since), before)
    nights = list(pairwise([*(mark.session for mark in marks.values()), context.session]))
    if kind == "interest":
        cash = [mark.cash for mark in marks.values()]
        if len(context.book.account_names) > 1:
            apart = dated_account_marks(context.conn, book, day_begins(since), before)
            cash = [sum((o.cash for o in apart.get(at, ()) if o.account == account), ZERO) for at in marks]
        amounts = (interest_on(c, rates, (b - a).days) for c, (a, b) in zip(cash, nights, strict=True))
        return sum(amounts, ZERO)
    return -sum((_borrowed(context, account, rates, night, until) for night, until in nights), ZERO)


def _borrowed(context: Context, account: str, rates: Rates, session: date, until: date) -> Decimal:
    """Fees from the mark of one session to the next, dollars."""
    net: dict[str, Decimal] = {}
    closes: dict[str, float] = {}
    for row in positions_of(context.conn, context.book.name, context.schedule.last_of(session)):
        if row["quantity"] and row["account"] == account:
            net[row["symbol"]] = net.get(row["symbol"], ZERO) + row["quantity"]
            closes[row["symbol"]] = float(row["price"])
    return sum(borrow_fees(net, closes, rates, (until - session).days).values(), ZERO)


def _whose(context: Context, one: Compared) -> str:
    return f" of account {one.account}" if len(context.book.account_names) > 1 else ""


def _tell(context: Context, one: Compared) -> bool:
    book, session, what = context.book.name, context.session, _NAMES[one.kind]
    return raise_alert(
        context.conn,
        f"financing {book} {one.kind} {session}{_whose(context, one)}",
        "INFO" if one.near else "WARNING",
        f"{book}: the broker{_whose(context, one)} booked {what}",
        f"The broker{_whose(context, one)} booked {one.booked} dollars of {what} at {session}. By the rates "
        f"of the book it is {one.modelled} since {one.since}: a difference of "
        f"{one.booked - one.modelled}. The ledger holds what the broker booked; a backtest goes by the "
        "book's rates. Where they are not the broker's any more, correct `financing` in the book.",
        book=book,
        session=session,
    )
