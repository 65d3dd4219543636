"""What depends on positions beside sizing: exits by age, stop and target; filters on what is opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import IntEnum

import numpy as np

from nightdesk.core.calendar import get_calendar
from nightdesk.core.contracts import per_price
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk, PlannedExits
from nightdesk.engine.held_arrays import Holdings
from nightdesk.engine.inputs import Carried, Day, Flags
from nightdesk.engine.legs_alike import apart_as_bundles, with_their_legs
from nightdesk.orders.order import leg_filled
from nightdesk.orders.resting import HasLegs
from nightdesk.portfolio import Bundles, Dropped
from nightdesk.portfolio.atr_risk import ATR
from nightdesk.portfolio.filters import (
    apart_from_what_moves_alike,
    entries_by_confidence,
    one_entry_a_symbol,
)
from nightdesk.risk import correlations, without_entries
from nightdesk.strategies.strategy import Codes, SignalAction, actions


def stop_words(price: float, average: float, distance: float) -> str:
    """A stop that was reached.

    Parameters
    ----------
    price, average, distance : float
        The session's close, the average entry and the distance of the stop from it, dollars a unit.
    """
    apart = abs(average - price)
    side = "below" if price <= average else "above"
    return (
        f"stop: the close {price:.2f} is {apart:.2f} {side} the average entry {average:.2f}, "
        f"{distance:.2f} are allowed"
    )


def target_words(price: float, average: float, distance: float) -> str:
    """A target that was reached; the arguments are those of `stop_words`."""
    apart = abs(price - average)
    side = "above" if price >= average else "below"
    return (
        f"target: the close {price:.2f} is {apart:.2f} {side} the average entry {average:.2f}, "
        f"{distance:.2f} were aimed at"
    )


def rested_words(order: HasLegs, price: Decimal) -> str:
    """A position that ended by an order which rested for it.

    Parameters
    ----------
    order : HasLegs
        With a stop.
    price : Decimal
        What it was executed at, dollars.
    """
    leg = leg_filled(order, price)
    rested_at = order.stop_price if leg == "stop" else order.target_price
    return f"{leg}: the order that rested at {rested_at:.2f} was executed at {price:.2f}"


def age_words(held: int, most: int) -> str:
    """An age that was reached, in sessions."""
    return f"age: held for {held} sessions, at most {most}"


#: A leg of a bundle that is repaired, or ended after its repairs.
UNEVEN_WORDS = "the legs of its bundle are uneven: it is repaired, or ended where that did not help"


def bundle_words(leg: str, why: str) -> str:
    """A leg that goes with its bundle; `leg` is the one that decided, `why` its reason, empty if none did."""
    return f"with its bundle: {leg}: {why}" if leg else "with its bundle, of which another leg is reduced"


def kept_words(legs: Sequence[str]) -> str:
    """A bundle that is kept whole, since legs in quarantine cannot be sold."""
    stuck = ", ".join(legs) or "it"
    return f"kept with its bundle: {stuck} is in quarantine and cannot be sold, and no leg stays alone"


def sessions_held(calendar: str, entered: date, session: date) -> int:
    """Sessions of a calendar from the one that opened a position to `session`, both counted."""
    known = get_calendar(calendar)
    return known.index(session) - known.index(entered) + 1


def dropped_words(filter_name: str, other: str, value: float, limit: float, words: str | None = None) -> str:
    """Why a filter took an entry away; the arguments are those of `nightdesk.portfolio.Dropped`, by name."""
    if words:
        return words
    if filter_name == "superseded":
        return f"superseded by {other}: its confidence is {limit:.2f}, of this entry {value:.2f}"
    if filter_name == "bundle":
        return (
            f"the bundle is not opened: of its leg {other} {value:g} units are to be had, "
            f"a unit of the bundle has {limit:g}"
        )
    return f"correlated {value:.2f} with {other}, at most {limit:.2f}"


def other_of(desk: Desk, dropped: Dropped) -> str:
    """What took an entry away, by name: a strategy, a symbol, or a condition as the book has it."""
    if dropped.filter == "superseded":
        return tuple(desk.strategies)[dropped.other]
    if dropped.filter == "condition":
        strategy = tuple(desk.strategies)[dropped.strategy]
        return desk.entry_conditions.of_strategy[strategy][dropped.other].text
    return desk.symbols[dropped.other]


class Cause(IntEnum):
    """Why a strategy wants what it wants of a symbol."""

    NONE = 0
    OPENS = 1
    SIGNAL = 2
    STOP = 3
    AGE = 4
    SUPERSEDED = 5
    CORRELATED = 6
    TARGET = 7
    BUNDLE = 8
    UNEVEN = 9
    KEPT = 10
    CONDITION = 11


#: Of an average that was rounded to a price's step, a share is met though its last bits say no.
LAST_BITS = 1e-9


_CAUSE_OF = {"superseded": Cause.SUPERSEDED, "correlated": Cause.CORRELATED, "bundle": Cause.BUNDLE}


def exits(desk: Desk, day: Day, holdings: Holdings, carried: Carried) -> Codes:
    """Positions that end by their strategy's exit plan; (n_strategies, n_symbols) of `Cause`.

    Stop and target are checked on the close of every decision, and not without a bar of it. A position's age
    counts its first session as one, so that a plan of five sessions sells at the open after the fifth close;
    a session that is not over is not counted. Of several causes the stop is told, and the target before the
    age. A symbol in quarantine ends nothing. `carried` is what the decision before left, restated for the
    session's actions.
    """
    out = np.zeros((len(desk.strategies), len(desk.symbols)), dtype=np.int8)  # of Cause.NONE
    if not desk.ends_positions or not holdings.ledger.held():
        return out
    trusted = holdings.here & ~day.quarantined
    over = get_calendar(desk.book.calendar).index(day.session) + day.closes
    np.copyto(out, Cause.AGE, where=trusted & (holdings.ends <= over))
    if np.count_nonzero(day.age):
        trusted &= day.age == 0
    average, (stop, target) = per_price(holdings.average, day.multiplier), desk.planned_exits
    fall = (average - day.price) * holdings.side
    if target.any_share or np.count_nonzero(carried.target_distance):
        reached = _reached(-fall, target, carried.target_distance, average)
        np.copyto(out, Cause.TARGET, where=trusted & reached)
    if stop.any_share or np.count_nonzero(carried.stop_distance):
        reached = _reached(fall, stop, carried.stop_distance, average)
        np.copyto(out, Cause.STOP, where=trusted & reached)
    return out


def _reached(moved: Floats, planned: PlannedExits, carried: Floats, average: Floats) -> Flags:
    """Where a price has moved as far from the average entry as a plan says, dollars a unit.

    A share is of the average entry as it is now; what is said in ATR was fixed when the position was opened.
    """
    reached: Flags = (moved >= carried) & (carried > 0.0)
    if not planned.any_share:
        return reached
    distance = planned.share * average * (1.0 - LAST_BITS)
    return np.where(planned.share > 0.0, (moved >= distance) & (distance > 0.0), reached)


def opened(held: Floats, wanted: Floats) -> Flags:
    """Where a position is wanted that is not there: of nothing, or on the other side of what is held."""
    out: Flags = (wanted != 0) & (held * wanted <= 0)
    return out


def stays_open(held: Floats, wanted: Floats) -> Flags:
    """Where a position is held and stays, larger or smaller, on its side."""
    out: Flags = held * wanted > 0
    return out


def causes(wanted: Floats, whole: Floats, held: Floats, ended: Codes, day: Day) -> Codes:
    """Why each strategy wants what it wants, before anything was filtered.

    `whole` is what is wanted in whole units: what is less than a unit opens nothing, and stands in no other
    entry's way.
    """
    out = ended.copy()
    left = (held != 0.0) & (wanted == 0.0)
    if np.count_nonzero(left):
        left &= ended == Cause.NONE
        action = actions(day.direction, day.side)
        against = (action == SignalAction.LEAVE) | ((action == SignalAction.ENTER) & (day.side * held < 0))
        np.copyto(out, Cause.SIGNAL, where=left & against)
    opens = opened(held, whole)
    return np.where(opens, np.int8(Cause.OPENS), out) if np.count_nonzero(opens) else out


def barred(
    desk: Desk, day: Day, wanted: Floats, held: Floats, cause: Codes, bundles: Bundles | None = None
) -> tuple[Floats, Codes, tuple[Dropped, ...]]:
    """What is wanted and why without what conditions of the book forbid to enter, and what that took away.

    It is an entry, or an addition, of a whole unit at least; what reduces stays as it is, and of what turns
    round the first half. Of a bundle of which one leg may not be opened, none is.
    """
    if day.barred is None or not np.count_nonzero(day.barred.code):
        return wanted, cause, ()
    kept = without_entries(wanted, held)
    gone = (day.barred.code != 0) & (kept != wanted)
    if not np.count_nonzero(gone):
        return wanted, cause, ()
    whole = desk.units.toward_zero(wanted) != desk.units.toward_zero(kept)
    dropped = [
        Dropped(s, n, "condition", day.barred.place(s, n), 0.0, 1.0, day.barred.words(s, n))
        for s, n in np.argwhere(gone & whole).tolist()
    ]
    opens, left = cause == Cause.OPENS, np.where(gone, kept, wanted)
    why = np.where(gone & opens, np.int8(Cause.CONDITION), cause)
    if bundles is not None:
        legs = with_their_legs(dropped, opens, bundles, wanted)
        for one in legs:
            left[one.strategy, one.symbol] = kept[one.strategy, one.symbol]
            why[one.strategy, one.symbol] = Cause.BUNDLE
        dropped += legs
    return left, why, tuple(dropped)


def filtered(
    desk: Desk,
    day: Day,
    wanted: Floats,
    held: Floats,
    confidence: Floats,
    cause: Codes,
    bundles: Bundles | None = None,
) -> tuple[Floats, Codes, tuple[Dropped, ...]]:
    """What is wanted and why after the book's filters on entries, and the entries that they took away.

    What ends in this decision stands in no entry's way.
    """
    portfolio, opens = desk.book.portfolio, cause == Cause.OPENS
    if not (portfolio.one_entry_per_symbol or portfolio.entry_correlation is not None):
        return wanted, cause, ()
    if not np.count_nonzero(opens):
        return wanted, cause, ()
    ordered = entries_by_confidence(opens, confidence, desk.rank)
    dropped: list[Dropped] = []
    if portfolio.one_entry_per_symbol:
        dropped += one_entry_a_symbol(ordered, confidence)
        if bundles is not None:
            dropped += with_their_legs(dropped, opens, bundles, wanted)
    gone = {(one.strategy, one.symbol) for one in dropped}
    left = [entry for entry in ordered if entry not in gone]
    if portfolio.entry_correlation is not None and bundles is not None:
        dropped += apart_as_bundles(desk, day, left, wanted, stays_open(held, wanted), bundles)
    elif portfolio.entry_correlation is not None:
        stays = np.sign(np.where(stays_open(held, wanted), wanted, 0.0).sum(axis=0))
        matrix = correlations(day.returns, (stays != 0) | opens.any(axis=0)).matrix
        limit = portfolio.entry_correlation
        dropped += apart_from_what_moves_alike(left, np.sign(wanted), stays, matrix, limit)
    wanted, cause = wanted.copy(), cause.copy()
    for one in dropped:
        wanted[one.strategy, one.symbol] = 0.0
        cause[one.strategy, one.symbol] = _CAUSE_OF[one.filter]
    return wanted, cause, tuple(dropped)


def distances_after(
    desk: Desk, day: Day, holdings: Holdings, before: Carried, wanted: Floats
) -> tuple[Floats, Floats]:
    """Distances of stops and of targets from this decision on, dollars; 0 where there is none.

    Of what is opened they are made from today's ATR and price; of what is held those in ATR are kept, and
    those that are shares follow the average entry. What is left keeps them until it is gone: its order may
    find no market. What is turned round has those of its new side.

    Parameters
    ----------
    desk, day, holdings
    before : Carried
        Restated for the session's actions.
    wanted : ndarray of shape (n_strategies, n_symbols)
        Units.

    Returns
    -------
    stop, target : ndarrays of shape (n_strategies, n_symbols)
    """
    held = holdings.quantity
    if not desk.ends_positions:
        return desk.nothing, desk.nothing
    opens = ~holdings.here | (held * wanted < 0.0)
    fresh = opens & (wanted != 0.0)
    stop, target = desk.planned_exits
    return (
        _from_here_on(day, stop, holdings, before.stop_distance, opens, fresh),
        _from_here_on(day, target, holdings, before.target_distance, opens, fresh),
    )


def stops_of_entries(desk: Desk, day: Day) -> Floats:
    """Dollars from the price to the stop of what is opened now; (n_strategies, n_symbols).

    It is that of the exit plan, and where a strategy says by itself what an entry loses at its stop, that.
    NaN where a strategy has no stop, where the price or the ATR that it is made from is missing, and in a
    book of which no sizing method asks for it.
    """
    if not desk.sizes_by_stop:
        return desk.no_stops
    stop, out = desk.planned_exits[0], desk.no_stops
    if stop.any_atr:
        out = np.where(stop.atr > 0.0, stop.atr * day.factors[ATR], out)
    out = np.where(stop.share > 0.0, stop.share * day.price, out)
    own = day.loss_at_stop
    return out if own is None else np.where(np.isfinite(own), own * day.price, out)


def _from_here_on(
    day: Day, planned: PlannedExits, holdings: Holdings, kept: Floats, opens: Flags, fresh: Flags
) -> Floats:
    """Distances of one kind: those kept where nothing opens, and new ones for what does."""
    if planned.any_share:
        kept = np.where(
            planned.share > 0.0, planned.share * per_price(holdings.average, day.multiplier), kept
        )
    if not planned.any_atr and not planned.any_share and not np.count_nonzero(kept):
        return kept
    out = np.where(opens, 0.0, kept)
    if not np.count_nonzero(fresh):
        return out
    if planned.any_atr:
        out = np.where(fresh, planned.atr * _known(day.factors[ATR]), out)
    if planned.any_share:
        out = np.where(fresh & (planned.share > 0.0), planned.share * _known(day.price), out)
    return out


def _known(values: Floats) -> Floats:
    """Dollars, with 0 where they are not known."""
    return np.where(np.isnan(values), 0.0, values)
