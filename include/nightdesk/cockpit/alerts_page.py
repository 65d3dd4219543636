"""The alerts of the desk: what was told, whether it reached people, and who acknowledged it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.alerts.concerns import LEVELS
from nightdesk.cockpit.screen import ROWS_A_PAGE, AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.store.cockpit_alert_rows import AlertRow, alert_page, told_books, unacknowledged
from nightdesk.store.db import now
from nightdesk.store.delivery_rows import PATIENCE, Delivery, deliveries_of

router = APIRouter()

TONES = {"EMERGENCY": "loss", "CRITICAL": "loss", "WARNING": "warn", "INFO": "soft"}
#: Whether somebody has acknowledged them, by the word of the filter.
STATES: Mapping[str, bool | None] = {"": None, "open": False, "acknowledged": True}


@dataclass(frozen=True)
class AlertEntry:
    """An alert with how far it came: its receivers, and one line that says it."""

    alert: AlertRow
    tone: str
    deliveries: tuple[Delivery, ...]
    way: str
    way_tone: str


@dataclass(frozen=True)
class AlertsView:
    """A page of alerts.

    Attributes
    ----------
    entries : tuple of AlertEntry
        The newest first.
    waiting : tuple of (str, int)
        How many nobody has acknowledged, by level, the gravest first.
    level, state, book : str
        What the list is narrowed to; empty for all.
    """

    entries: tuple[AlertEntry, ...]
    waiting: tuple[tuple[str, int], ...]
    book: str
    level: str
    state: str
    before: str
    older: str
    newest: str


def alerts_view(
    screen: Screen, *, book: str = "", level: str = "", state: str = "", before: str = ""
) -> AlertsView:
    """A page of the alerts that the visitor may see.

    Raises
    ------
    Refused
        When `level`, `state` or `before` is none that there is.
    """
    if level and level not in LEVELS:
        raise Refused(f"level: found {level[:40]!r}; expected one of {', '.join(LEVELS)}, or none for all")
    if state not in STATES:
        raise Refused(f"state: found {state[:40]!r}; expected open or acknowledged, or none for all")
    # Also of books that are gone: what was told of them is not lost with their file.
    books = [name for name in told_books(screen.conn) if screen.visitor.may_see(name)]
    found = alert_page(
        screen.conn,
        books,
        rows=ROWS_A_PAGE + 1,
        book=book or None,
        level=level or None,
        acknowledged=STATES[state],
        before=None if not before else _number(before),
    )
    shown = found[:ROWS_A_PAGE]
    brought = deliveries_of(screen.conn, [one.alert_id for one in shown])
    counts = unacknowledged(screen.conn, books)
    asked = {"book": book, "level": level, "state": state}
    too_old = now(screen.conn) - PATIENCE
    return AlertsView(
        entries=tuple(
            _entry(one, brought.get(one.alert_id, ()), too_old=one.created_at < too_old) for one in shown
        ),
        waiting=tuple((name, counts[name]) for name in LEVELS if counts.get(name)),
        **asked,
        before=before,
        older=screen.address("alerts", **asked, before=shown[-1].alert_id) if len(found) > len(shown) else "",
        newest=screen.address("alerts", **asked),
    )


@router.get("/alerts")
def alerts(
    screen: AScreen, book: str = "", level: str = "", state: str = "", before: str = ""
) -> HTMLResponse:
    """The alerts."""
    view = alerts_view(screen, book=book, level=level, state=state, before=before)
    return screen.render("alerts.html.j2", view, title="Alerts", book=book, tab="alerts")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused(f"before: found {text[:40]!r}; expected the number of an alert")
    return int(text)


def _entry(alert: AlertRow, deliveries: tuple[Delivery, ...], *, too_old: bool) -> AlertEntry:
    way, tone = _way(alert, deliveries, too_old=too_old)
    return AlertEntry(alert, TONES[alert.level], deliveries, way, tone)


def _way(alert: AlertRow, deliveries: tuple[Delivery, ...], *, too_old: bool) -> tuple[str, str]:
    """How far an alert came, in words, and the tone of them."""
    failed = [one for one in deliveries if one.failures]
    missing = [one for one in deliveries if not one.times_sent]
    if not missing and deliveries:
        return "sent to all", "gain"
    if not deliveries:
        if alert.sent_at is not None:
            return "sent", "gain"
        return ("not sent, no route leads anywhere", "soft") if too_old else ("waits to be sent", "soft")
    sent = len(deliveries) - len(missing)
    if alert.acknowledged_at is not None or too_old:
        return f"sent to {sent} of {len(deliveries)}, no longer tried", "warn"
    if failed:
        return f"sent to {sent} of {len(deliveries)}, is tried again", "loss"
    return f"sent to {sent} of {len(deliveries)}, waits for its turn", "soft"
