"""Corporate actions known after their session was settled: booked by this one, or told to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.conversion import IN_LIEU
from nightdesk.accounting.late_actions import LATE, BelatedAction, book_late
from nightdesk.accounting.ledger import Entry, Ledger
from nightdesk.core.money import exact, to_price
from nightdesk.core.panel import ActionKind
from nightdesk.engine import Market
from nightdesk.session.context import Context
from nightdesk.session.contract_notices import underlyings
from nightdesk.session.loading import whole_market
from nightdesk.store.bar_rows import LateAction, late_actions
from nightdesk.store.ledger_rows import dated_entries, read_ledger
from nightdesk.store.message_rows import raise_alert


@dataclass(frozen=True)
class UnbookedAction:
    """A late action that no settling can book, and why."""

    found: LateAction
    why: str


@dataclass(frozen=True)
class Belated:
    """What came too late for its own session: what this one books of it, and what is left for a person."""

    actions: tuple[BelatedAction, ...] = ()
    unbooked: tuple[UnbookedAction, ...] = ()


def belated_actions(context: Context, opening: Ledger) -> Belated:
    """Every late action in the order of its session, tried on the ledger as those before it leave it.

    Parameters
    ----------
    context : Context
        The session.
    opening : Ledger
        As the session before left it, with its crosses.
    """
    book, session = context.book.name, context.session
    on = underlyings(context)
    symbols = context.book.symbols
    found = late_actions(context.conn, book, symbols, context.as_of, context.known_by(), on)
    ledger, done = opening, Belated()
    keys = {
        (one.settled_as_of, one.settled, symbol)
        for one in found
        for symbol in (one.symbol, *_contracts_on(one.symbol, on))
    }
    for settled_as_of, settled, symbol in sorted(keys):
        of = (symbol, on.get(symbol, symbol))
        mine = [one for one in found if one.settled_as_of == settled_as_of and one.symbol in of]
        dated = dated_entries(context.conn, book, settled_as_of, context.previous or settled_as_of)
        entries = [entry for _, entry in dated]
        stands = _standing_actions(whole_market(context), symbol, settled)
        first = [entry for at, entry in dated if at == settled_as_of]
        held = _held_at_open(context, symbol, settled_as_of, first)
        for action in stands:
            booked = [one for one in entries if one.reference in (action.reference, action.reference + LATE)]
            why = _changed(action, booked)
            if not booked:
                action = replace(action, held=held)
                made = book_late(action, ledger, session, context.desk.unit_of)
                why, ledger = made.refused, ledger.apply(made.entries)
                if made.entries:
                    done = replace(done, actions=(*done.actions, action))
            if why:
                done = _left(done, _of_kind(mine, action.kind), why)
        for kind in _withdrawn(symbol, settled, entries, stands):
            done = _left(done, _of_kind(mine, kind), f"it was booked, and the {kind} is not known any more")
    return done


def _contracts_on(symbol: str, on: Mapping[str, str]) -> list[str]:
    """The options that are adjusted when a symbol splits."""
    return [contract for contract, underlying in on.items() if underlying == symbol]


def _standing_actions(market: Market, symbol: str, settled: date) -> list[BelatedAction]:
    """What a session's actions of a symbol are, as they are known now, in the order of their booking."""
    t = market.sessions.index(settled)
    prices = market.restated_prices(t)
    amounts: dict[ActionKind, dict[str, float]] = {"split": market.splits(t), "dividend": market.dividends(t)}
    found = [
        BelatedAction(symbol, kind, settled, amount=of_kind[symbol], prices=prices)
        for kind, of_kind in amounts.items()
        if symbol in of_kind
    ]
    return found + [
        BelatedAction(symbol, one.kind, settled, event=one, prices=prices)
        for one in market.events(t)
        if one.symbol == symbol
    ]


def _held_at_open(
    context: Context, symbol: str, settled: datetime, first: Iterable[Entry]
) -> dict[str, Decimal]:
    """Units by strategy before a decision is settled, after what changed hands and split by its entries."""
    before = context.schedule.before(settled)
    ledger = read_ledger(context.conn, context.book.name, before) or Ledger()
    then = ledger.apply(
        one
        for one in first
        if one.kind in ("cross", "split")
        or (one.reference.startswith(IN_LIEU) and not one.reference.endswith(LATE))
    )
    return {one.strategy: one.quantity for one in then.held() if one.symbol == symbol}


def _changed(action: BelatedAction, booked: Sequence[Entry]) -> str:
    """How an action that was booked is another one now; empty where it is the same to a millionth."""
    shown = [one.price for one in booked if one.kind not in ("exchange", "adjustment")]
    now = to_price(exact(action.per_unit))
    if not shown or to_price(shown[0]) == now:
        return ""
    return f"it was booked at {to_price(shown[0]).normalize():f}, and is {now.normalize():f} now"


def _withdrawn(
    symbol: str, settled: date, entries: Iterable[Entry], stands: Iterable[BelatedAction]
) -> list[str]:
    """Kinds of which something was booked that is not known any more."""
    known = {action.reference for action in stands}
    booked = {one.reference.removesuffix(LATE): one.kind for one in entries if one.symbol == symbol}
    tail = f"-{symbol}-{settled}"
    return sorted(
        reference.removesuffix(tail)
        for reference, kind in booked.items()
        if reference.endswith(tail)
        and not reference.startswith((IN_LIEU, "cross-"))
        and reference not in known
        and kind not in ("fill", "adjustment")
    )


def _of_kind(found: Sequence[LateAction], kind: str) -> LateAction:
    """The late row behind a kind; an implied action stands behind another kind of row."""
    return next((one for one in found if one.kind == kind), found[0])


def _left(done: Belated, found: LateAction, why: str) -> Belated:
    return replace(done, unbooked=(*done.unbooked, UnbookedAction(found, why)))


def tell_unbooked(context: Context, unbooked: Iterable[UnbookedAction]) -> int:
    """Raise an alert for each late action that cannot be booked; how many are told for the first time."""
    book, told = context.book.name, 0
    for left in unbooked:
        one = left.found
        told += raise_alert(
            context.conn,
            f"late action {book} {one.symbol} {one.kind} {one.session} {one.known_at.isoformat()}",
            "CRITICAL",
            f"{book}: a {one.kind} of {one.symbol} came too late to be booked",
            f"{one.symbol} was held when session {one.settled} was settled, and its {one.kind} of "
            f"{one.session} was given, changed or withdrawn after that. It cannot be booked now: {left.why}. "
            f"On the paper broker `nightdesk replay {book} --from {one.settled} --rebuild` books it; "
            "elsewhere the comparison with the broker shows what it moved.",
            book=book,
            session=context.session,
        )
    return told
