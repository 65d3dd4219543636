"""The kill switch as people turn it: what adds risk is blocked, and what waits at the broker is cancelled."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from nightdesk.brokers import Broker, BrokerOrder, make, open_account
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused, Transient
from nightdesk.core.money import ZERO
from nightdesk.orders.order import adds_risk, entry_id
from nightdesk.session.auto_stop import Counts, next_counts, schedule_known, stop_by_rule
from nightdesk.session.context import TURN_SECONDS, book_as_known, book_path, project_root
from nightdesk.store.db import Connection, book_lock, hurried
from nightdesk.store.kill_switch_rows import KillSwitchState, kill_switch, set_kill_switch
from nightdesk.store.order_rows import working_orders

__all__ = ["Turned", "cancel_what_it_forbids", "kill", "release", "stop_by_rule"]

#: So long may storing the switch take before the broker is asked all the same.
STORE_SECONDS = 5.0

#: Of which positions it is said that an order was cancelled which would have reduced them.
BARE = "Held, and no order protects or closes it any more"

#: After so many seconds of cancelling no further order is tried; each call has its own bound.
CANCEL_SECONDS = 60.0


@dataclass(frozen=True)
class Turned:
    """What a person did with the switch.

    Attributes
    ----------
    counts : Counts
        The first decision that reads it.
    decision : str
        What people call that decision.
    cancelled : tuple of str
        Client ids of the orders that were cancelled.
    interrupted : bool
        Whether another run kept the book's lock all the while: what it was just sending may be there.
    bare : tuple of str
        Symbols that are held at the broker and that no order protects or closes any more, since it was
        cancelled; where the broker does not tell what it holds, all in which one was.
    """

    counts: Counts
    decision: str
    cancelled: tuple[str, ...] = ()
    interrupted: bool = False
    bare: tuple[str, ...] = ()

    @property
    def session(self) -> date:
        """The session of that decision."""
        return self.counts.session


def kill(
    conn: Connection | None,
    book: str,
    *,
    reason: str,
    who: str,
    everything: bool = False,
    file: str | Path | None = None,
    wait_seconds: float = TURN_SECONDS,
    environ: Mapping[str, str] | None = None,
    lacking: str = "",
) -> Turned:
    """Stop a book from adding risk, or from trading at all, until it is released.

    The switch is set, which takes `STORE_SECONDS` at most; then, whether or not it could be stored, the
    orders that it forbids and that have not been executed yet are cancelled at the broker. Nobody's lock is
    waited for before that: where another run works on the book it is looked once more when that has ended,
    for what it was just sending. The next session books what became of the orders.

    Parameters
    ----------
    conn : Connection or None
        Where it is stored; None where the database cannot be reached.
    book : str
        Name of a started book.
    reason, who : str
        Why, and the person who says so.
    everything : bool
        Whether reductions are stopped as well.
    file : str or Path, optional
        The book's file, where it is none of ``books/``. Where it is gone or wrong, the book is taken as it
        was last used.
    wait_seconds : float
        How long to wait for another run that works on the book.
    environ : mapping of str to str, optional
        Where the broker's credentials are.
    lacking : str
        Why there is no connection.

    Raises
    ------
    Refused
        When the book was never started, or is stopped already and no order of it is left to cancel; or when
        no reason or person is given.
    Transient
        When something of it was not done: says what was done, what was not, and what to do.
    """
    if not reason.strip() or not who.strip():
        raise Refused("the kill switch wants a reason and a person: who says so, and why?")
    environ = os.environ if environ is None else environ
    if conn is None:
        asked = KillSwitchState(on=True, reason=reason, who=who, everything=everything)
        setting = _Setting(asked, fault=Transient(lacking))
    else:
        setting = _set(conn, book, reason=reason, who=who, everything=everything)
    done = _cancel(conn, book, setting, file or book, wait_seconds, environ)
    if conn is None or setting.counts is None or done.faults:
        refused = setting.fault is None and all(isinstance(one, Refused) for one in done.faults)
        raise (Refused if refused else Transient)(_not_done(book, setting, done))
    if not setting.turned and not done.cancelled:
        standing = setting.switch
        since = standing.begins(schedule_known(conn, book))
        raise Refused(f"book {book} is stopped since {since} by {standing.who}: {standing.reason}")
    name = setting.counts.name(schedule_known(conn, book))
    return Turned(setting.counts, name, done.cancelled, done.interrupted, done.bare)


@dataclass(frozen=True)
class _Setting:
    """The switch as it stands, whether that is new, and what kept it from being stored (no counts)."""

    switch: KillSwitchState
    counts: Counts | None = None
    turned: bool = True
    fault: Exception | None = None


@dataclass(frozen=True)
class _Cancels:
    """What was cancelled, what went wrong, whether another run kept the book's lock all the while, and which
    symbols no order protects or closes any more.
    """

    cancelled: tuple[str, ...] = ()
    faults: tuple[Exception, ...] = ()
    interrupted: bool = False
    bare: tuple[str, ...] = ()


def _set(conn: Connection, book: str, *, reason: str, who: str, everything: bool) -> _Setting:
    """Store the switch; what keeps it from being stored keeps no order from being cancelled."""
    asked = KillSwitchState(on=True, reason=reason, who=who, everything=everything)
    try:
        with hurried(conn, STORE_SECONDS):
            counts, standing = next_counts(conn, book), kill_switch(conn, book)
            if standing.on and (standing.everything or not everything):
                return _Setting(standing, counts, turned=False)
            set_kill_switch(
                conn, book, on=True, everything=everything, reason=reason, who=who, session=counts.session,
                after=counts.after,
            )  # fmt: skip
            return _Setting(asked, counts)
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 (whatever ails the database, orders are cancelled)
        return _Setting(asked, fault=error)


def _cancel(
    conn: Connection | None,
    book: str,
    setting: _Setting,
    file: str | Path,
    wait_seconds: float,
    environ: Mapping[str, str],
) -> _Cancels:
    """Cancel at the broker what the switch forbids, at once and again when no other run works on the book."""
    ours: dict[str, str] | None = None
    faults: list[Exception] = []
    cancelled: list[BrokerOrder] = []
    bare: set[str] = set()
    interrupted = False
    try:
        ours = _working(conn, book)
        accounts, unopened = _accounts_of(conn, book, file, environ)
        if all(broker.simulated for _, broker in accounts) and not (ours or unopened):
            return _Cancels()
        # Whoever takes the lock from here on reads the switch before it sends.
        quiet = conn is None or setting.fault is not None or _await_lock(conn, book, 0.0)
        cancelled, faults = _cancel_in(accounts, setting.switch, ours or {}, bare)
        if conn is not None and not quiet:
            interrupted = not _await_lock(conn, book, wait_seconds)
            again, faults = _cancel_in(accounts, setting.switch, _working(conn, book) or {}, bare)
            cancelled += again
        faults += unopened if ours or setting.fault is not None else []
    except Refused as error:
        # An account that cannot be opened from here matters where an order may be there.
        faults += [error] if ours or setting.fault is not None else []
    except Exception as error:  # noqa: BLE001 (told, beside what was done)
        faults.append(error)
    names = tuple(dict.fromkeys(one.client_order_id for one in cancelled))
    return _Cancels(names, tuple(faults), interrupted, tuple(sorted(bare)))


def _working(conn: Connection | None, book: str) -> dict[str, str] | None:
    """The accounts of what may be at a broker, by client order id; None where the database does not say."""
    if conn is None:
        return None
    try:
        with hurried(conn, STORE_SECONDS):
            orders = (one.order for one in working_orders(conn, book))
            return {order.client_order_id: order.account for order in orders}
    except Transient:
        return None


def _accounts_of(
    conn: Connection | None, book: str, file: str | Path, environ: Mapping[str, str]
) -> tuple[list[tuple[str, Broker]], list[Exception]]:
    """The accounts of a book with their brokers, and why others of them cannot be opened from here.

    What is said of an account names it where the book has several.

    Raises
    ------
    Refused
        When the book cannot be read, or its only account cannot be opened.
    """
    if conn is not None:
        known = book_as_known(conn, file, book, environ)
    else:
        known = load_book(book_path(file, project_root(environ)))
    names = known.account_names
    accounts: list[tuple[str, Broker]] = []
    faults: list[Exception] = []
    for name in names:
        try:
            view = known.in_account(name)
            broker = open_account(view, environ) if conn is None else make(view, conn, environ)
            accounts.append((name if len(names) > 1 else "", broker))
        except Refused as error:
            if len(names) == 1:
                raise
            faults.append(Refused(f"account {name}: {error}"))
    return accounts, faults


def _cancel_in(
    accounts: Iterable[tuple[str, Broker]],
    switch: KillSwitchState,
    ours: Mapping[str, str],
    bare: set[str],
) -> tuple[list[BrokerOrder], list[Exception]]:
    """What was cancelled in all accounts, and what went wrong; one of them hinders no other. To `bare` come
    the symbols that no order protects or closes any more.
    """
    cancelled: list[BrokerOrder] = []
    faults: list[Exception] = []
    for name, broker in accounts:
        try:
            mine = [one for one, account in ours.items() if name in ("", account)]
            done, failed = _cancel_each(broker, switch, mine)
            bare |= _bared(broker, done)
        except Exception as error:  # noqa: BLE001 (told, beside what was done)
            done, failed = [], [error]
        finally:
            broker.close()
        cancelled += done
        faults += [_named(one, name) if name else one for one in failed]
    return cancelled, faults


def _bared(broker: Broker, cancelled: Sequence[BrokerOrder]) -> set[str]:
    """The symbols in which an order was cancelled that would have reduced what is held there."""
    if not cancelled:
        return set()
    try:
        held = broker.positions()
    except Transient:
        return {one.symbol for one in cancelled}
    return {one.symbol for one in cancelled if not adds_risk(held.get(one.symbol, ZERO), one.remaining)}


def _named(error: Exception, account: str) -> Exception:
    kind = Refused if isinstance(error, Refused) else Transient
    return kind(f"account {account}: {error}")


def _await_lock(conn: Connection, book: str, wait_seconds: float) -> bool:
    """Whether no other run works on the book, within so many seconds."""
    try:
        with book_lock(conn, book, wait_seconds):
            return True
    except Transient:
        return False


def _not_done(book: str, setting: _Setting, done: _Cancels) -> str:
    """What a person must know when not all of it was done."""
    cancelled = ", ".join(done.cancelled) or "none"
    bare = f". {BARE}: {', '.join(done.bare)}" if done.bare else ""
    stored = f"book {book} is stopped; "
    if setting.fault is not None:
        stored = (
            f"NOT STORED that book {book} is stopped, so its next decision does not know of it: "
            f"{setting.fault}. When that is mended, say it again. At the broker now: "
        )
    if not done.faults:
        return f"{stored}cancelled orders: {cancelled}{bare}"
    told = "; ".join(dict.fromkeys(str(one) for one in done.faults))
    return (
        f"{stored}orders at the broker were not cancelled: {told}. Say it again, or cancel them at the "
        "broker; the DAG fills cancels what a stored switch forbids at its next run. "
        f"Orders that were cancelled: {cancelled}{bare}"
    )


def release(conn: Connection, book: str, *, reason: str, who: str) -> Turned:
    """Let a stopped book trade again.

    Raises
    ------
    Refused
        When the book was never started or is not stopped; or when no reason or person is given.
    """
    counts = next_counts(conn, book)
    if not kill_switch(conn, book).on:
        raise Refused(f"book {book} is not stopped")
    set_kill_switch(conn, book, on=False, reason=reason, who=who, session=counts.session, after=counts.after)
    return Turned(counts, counts.name(schedule_known(conn, book)))


def cancel_what_it_forbids(broker: Broker, switch: KillSwitchState, ours: Iterable[str]) -> tuple[str, ...]:
    """Cancel the orders at the broker that a switch forbids; their client order ids.

    One that cannot be cancelled keeps no other from being cancelled.

    Parameters
    ----------
    broker : Broker
        The book's.
    switch : KillSwitchState
        As it stands.
    ours : iterable of str
        Client order ids of orders that may be there: those that the broker's list lacks are asked for one by
        one, since the list may be older than they are.

    Raises
    ------
    Transient, Refused
        What the first of those raised that could not be asked for or cancelled.
    """
    if not switch.on:
        return ()
    cancelled, failed = _cancel_each(broker, switch, ours)
    if failed:
        raise failed[0]
    return tuple(one.client_order_id for one in cancelled)


def _cancel_each(
    broker: Broker, switch: KillSwitchState, ours: Iterable[str]
) -> tuple[list[BrokerOrder], list[Exception]]:
    """What was cancelled of what the switch forbids, as it was before, and what was raised by the others;
    after `CANCEL_SECONDS` no further one is tried.
    """
    ends = time.monotonic() + CANCEL_SECONDS
    held = {} if switch.everything else broker.positions()
    listed = {one.client_order_id: one for one in broker.open_orders()}
    cancelled: list[BrokerOrder] = []
    failed: list[Exception] = []
    for name in dict.fromkeys([*listed, *ours]):
        if time.monotonic() > ends:
            failed.append(Transient(f"{name} and those after it: the broker took {CANCEL_SECONDS:g} s"))
            break
        try:
            one = listed.get(name) or broker.order_by_client_id(name)
            if one is None or one.state.ended:
                continue
            if not switch.everything and entry_id(name) is not None:
                continue  # exits end with their entry, and leave what it has opened
            if switch.everything or adds_risk(held.get(one.symbol, ZERO), one.remaining):
                broker.cancel(name)
                cancelled.append(one)
        except (Transient, Refused) as error:
            failed.append(error)
    return cancelled, failed
