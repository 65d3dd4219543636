"""Bringing alerts to people: stored first, sent after, and again until each receiver has them.

One sender works at a time; a second one leaves at once, because the first looks again before it ends. What a
mail server refuses, or does not answer in time, waits: nobody who only raised an alert fails for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from nightdesk.alerts.message import message_of
from nightdesk.alerts.sending import (
    Receiver,
    connection_id,
    receivers,
    send,
    send_mail,
    shows_mail,
    variable,
)
from nightdesk.alerts.timing import is_due, is_fresh
from nightdesk.core.book import load_book
from nightdesk.core.errors import NightdeskError
from nightdesk.core.reporting_terms import Routes
from nightdesk.session.context import book_path
from nightdesk.store.db import Connection, lock_key, lone_lock, now
from nightdesk.store.delivery_rows import (
    Alert,
    Delivery,
    alerts_to_send,
    begin_delivery,
    end_delivery,
    mark_sent,
    plan_delivery,
)
from nightdesk.store.mail_rows import mail_of_alert

log = logging.getLogger("nightdesk.alerts")

#: How long a sender begins new conversations before it leaves the rest to the next one.
SENDING_SECONDS = 60.0

RoutesOf = Callable[[str | None], Routes]


@dataclass(frozen=True)
class Delivered:
    """What one pass did: messages that were taken, that were not, and that wait for a later pass.

    `nowhere` are routes that lead to nobody, of those that a book names or that alone would take an alert.
    """

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    nowhere: tuple[str, ...] = ()


def deliver(
    conn: Connection, routes_of: RoutesOf, environ: Mapping[str, str], *, seconds: float = SENDING_SECONDS
) -> Delivered:
    """Send every alert that is due to every receiver that lacks it.

    A receiver that does not take one alert is left alone until the next pass, so that a server which hangs
    costs one time-out and not one an alert.

    Parameters
    ----------
    conn : Connection
        In autocommit: each attempt is committed before it is made.
    routes_of : callable
        The routes of a book by its name; of None, those of the desk itself.
    environ : mapping of str to str
        Where the routes lead: ``NIGHTDESK_ALERT_<ROUTE>``.
    seconds : float
        After so long no further message is begun.

    Raises
    ------
    Transient
        When PostgreSQL cannot be reached; never because of a receiver.
    """
    if not alerts_to_send(conn):
        return Delivered()
    with lone_lock(conn, lock_key("alert sender")) as alone:
        return _Pass(conn, routes_of, environ, seconds).run() if alone else Delivered()


def book_routes(root: Path) -> RoutesOf:
    """The routes that the books of a project name; the usual ones where a book cannot be read."""

    def routes_of(book: str | None) -> Routes:
        if book is None:
            return Routes()
        try:
            return load_book(book_path(book, root)).alerts.routes
        except NightdeskError:
            # A wrong book is a reason to tell people, not to be silent.
            return Routes()

    return routes_of


@dataclass(frozen=True)
class _Errand:
    """One alert for one receiver, and what became of it so far."""

    alert: Alert
    receiver: Receiver
    delivery: Delivery


class _Pass:
    """One pass of the one sender, with what it has found out on the way."""

    def __init__(
        self, conn: Connection, routes_of: RoutesOf, environ: Mapping[str, str], seconds: float
    ) -> None:
        self._conn = conn
        self._routes_of = cache(routes_of)
        self._receivers = cache(partial(receivers, environ=environ))
        self._ends = time.monotonic() + seconds
        self._unwilling: set[Receiver] = set()
        self._nowhere: set[str] = set()

    def run(self) -> Delivered:
        """Send until nothing is due, or the time is over."""
        sent = failed = 0
        while time.monotonic() < self._ends:
            due = self._due()
            if not due:
                break
            for errand in due:
                if errand.receiver in self._unwilling or time.monotonic() >= self._ends:
                    continue
                if self._bring(errand):
                    sent += 1
                else:
                    failed += 1
                    self._unwilling.add(errand.receiver)
        waiting = sum(not one.delivery.times_sent for one in self._errands())
        return Delivered(sent, failed, waiting, tuple(sorted(self._nowhere)))

    def _due(self) -> list[_Errand]:
        moment = now(self._conn)
        return [
            one
            for one in self._errands()
            if one.receiver not in self._unwilling and is_due(one.alert.level, one.delivery, moment)
        ]

    def _bring(self, errand: _Errand) -> bool:
        """One attempt; whether the alert was taken."""
        alert, receiver = errand.alert, errand.receiver
        key = (alert.alert_id, receiver.route, receiver.name)
        begin_delivery(self._conn, *key)
        mail = mail_of_alert(self._conn, alert.alert_id) if shows_mail(receiver) else None
        if mail is None:
            error = send(receiver, message_of(alert, again=errand.delivery.times_sent > 0))
        else:
            error = send_mail(receiver, mail, now(self._conn))
        end_delivery(self._conn, *key, error)
        if error is None:
            log.info("alert_sent alert=%s route=%s receiver=%s", *key)
        else:
            log.warning("alert_not_sent alert=%s route=%s receiver=%s error=%s", *key, error)
        return error is None

    def _errands(self) -> list[_Errand]:
        """Every alert on its way with everybody who is to have it; what is complete is marked as sent."""
        moment, found = now(self._conn), []
        for alert in alerts_to_send(self._conn):
            known = {(one.route, one.receiver): one for one in alert.deliveries}
            if not known and not is_fresh(alert.level, alert.created_at, moment):
                continue
            errands = []
            for receiver in self._receivers_of(alert):
                delivery = known.get((receiver.route, receiver.name))
                if delivery is None:
                    delivery = Delivery(receiver.route, receiver.name)
                    plan_delivery(self._conn, alert.alert_id, receiver.route, receiver.name)
                errands.append(_Errand(alert, receiver, delivery))
            if errands and alert.sent_at is None and all(one.delivery.times_sent for one in errands):
                mark_sent(self._conn, alert.alert_id)
            found += errands
        return found

    def _receivers_of(self, alert: Alert) -> list[Receiver]:
        """Everybody to whom the routes of an alert lead.

        A route that leads nowhere is noted where the book names it, or where nobody would have the alert. A
        desk on which no route leads anywhere has not set up its mail yet, which is no fault.
        """
        routes = self._routes_of(alert.book)
        taken: tuple[str, ...] = getattr(routes, alert.level)
        found = [one for route in taken for one in self._receivers(route)]
        every = {route for names in routes.model_dump().values() for route in names}
        asked_for = alert.level in routes.model_fields_set or not found
        if asked_for and any(self._receivers(one) for one in every):
            self._nowhere |= {route for route in taken if not self._receivers(route)}
        return found


def nowhere_words(route: str) -> str:
    """That a route leads to nobody, and what to do."""
    return (
        f"the route {route} leads nowhere: set {variable(route)} or the Airflow connection "
        f"{connection_id(route)}, or take the route out of the book's `alerts.routes`"
    )
