"""The kill switch as people turn it: what adds risk is blocked, and what waits at the broker is cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from nightdesk.brokers import Broker
from nightdesk.errors import Refused, Transient
from nightdesk.execution.money import ZERO
from nightdesk.execution.orders import adds_risk
from nightdesk.pipeline.brokerage import contact
from nightdesk.pipeline.context import TURN_SECONDS, open_standing
from nightdesk.pipeline.stopping import next_session, stop_by_rule
from nightdesk.store.db import Connection, book_lock
from nightdesk.store.orders import working_orders
from nightdesk.store.risk import KillSwitch, kill_switch, set_kill_switch

__all__ = ["Turned", "cancel_what_it_forbids", "kill", "release", "stop_by_rule"]


@dataclass(frozen=True)
class Turned:
    """The first session whose decision reads it, and the client ids of the orders that were cancelled."""

    session: date
    cancelled: tuple[str, ...] = ()


def kill(
    conn: Connection,
    book: str,
    *,
    reason: str,
    who: str,
    everything: bool = False,
    file: str | Path | None = None,
    wait_seconds: float = TURN_SECONDS,
    environ: Mapping[str, str] | None = None,
) -> Turned:
    """Stop a book from adding risk, or from trading at all, until it is released.

    The switch is set first and at once, whatever state the book's file is in; then, under the book's lock,
    the orders that it forbids and that have not been executed yet are cancelled at the broker. The next
    session books what became of them.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : str
        Name of a started book.
    reason, who : str
        Why, and the person who says so.
    everything : bool
        Whether reductions are stopped as well.
    file : str or Path, optional
        The book's file, where it is none of ``books/``.
    wait_seconds : float
        How long to wait for another run that works on the book.
    environ : mapping of str to str, optional
        Where the broker's credentials are.

    Raises
    ------
    Refused
        When the book was never started, or is stopped already and no order of it is left to cancel; or when
        no reason or person is given.
    Transient
        When another run keeps the book's lock or the broker does not answer: the switch is set, and orders
        were not cancelled.
    """
    session, standing = next_session(conn, book), kill_switch(conn, book, date.max)
    turns = not standing.on or (everything and not standing.everything)
    if turns:
        set_kill_switch(conn, book, on=True, everything=everything, reason=reason, who=who, session=session)
    cancelled: tuple[str, ...] = ()
    if working_orders(conn, book):
        try:
            with (
                open_standing(file or book, conn=conn, turn_seconds=wait_seconds, environ=environ) as context,
                book_lock(conn, book, wait_seconds),
                contact(context) as broker,
            ):
                ours = [one.order.client_order_id for one in working_orders(conn, book)]
                cancelled = cancel_what_it_forbids(broker, kill_switch(conn, book, date.max), ours)
        except Transient as error:
            raise Transient(_not_cancelled(book, error)) from error
        except Refused as error:
            raise Refused(_not_cancelled(book, error)) from error
    if not turns and not cancelled:
        raise Refused(f"book {book} is stopped since {standing.session} by {standing.who}: {standing.reason}")
    return Turned(session, cancelled)


def _not_cancelled(book: str, error: Exception) -> str:
    return (
        f"book {book} is stopped; orders at the broker were not cancelled: {error}. "
        "The DAG fills cancels them at its next run: trigger it, or cancel them at the broker"
    )


def release(conn: Connection, book: str, *, reason: str, who: str) -> Turned:
    """Let a stopped book trade again.

    Raises
    ------
    Refused
        When the book was never started or is not stopped; or when no reason or person is given.
    """
    session = next_session(conn, book)
    if not kill_switch(conn, book, date.max).on:
        raise Refused(f"book {book} is not stopped")
    set_kill_switch(conn, book, on=False, reason=reason, who=who, session=session)
    return Turned(session)


def cancel_what_it_forbids(broker: Broker, switch: KillSwitch, ours: Iterable[str]) -> tuple[str, ...]:
    """Cancel the orders at the broker that a switch forbids; their client order ids.

    One that cannot be cancelled keeps no other from being cancelled.

    Parameters
    ----------
    broker : Broker
        The book's.
    switch : KillSwitch
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
    held = broker.positions()
    listed = {one.client_order_id: one for one in broker.open_orders()}
    cancelled: list[str] = []
    failed: list[Transient | Refused] = []
    for name in dict.fromkeys([*listed, *ours]):
        try:
            one = listed.get(name) or broker.order_by_client_id(name)
            if one is None or one.state.ended:
                continue
            if switch.everything or adds_risk(held.get(one.symbol, ZERO), one.signed_quantity):
                broker.cancel(name)
                cancelled.append(name)
        except (Transient, Refused) as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return tuple(cancelled)
