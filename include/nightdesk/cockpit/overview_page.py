"""All books at a glance: six lights each, what they are worth, what they decided last."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from nightdesk.alerts.concerns import Concern, Gravity
from nightdesk.cockpit.charts import LineChart, Series
from nightdesk.cockpit.screen import AScreen, Screen

router = APIRouter()

#: Sessions of the small picture.
PICTURED = 60


@dataclass(frozen=True)
class Light:
    """One matter of a book: its word, ``gain``, ``warn`` or ``loss``, and where it is told."""

    about: str
    tone: str
    words: str
    href: str


@dataclass(frozen=True)
class BookCard:
    """A started book on the overview; figures are None before its first mark."""

    name: str
    title: str
    lights: tuple[Light, ...]
    concerns: tuple[Concern, ...]
    nav: Decimal | None
    profit: Decimal | None
    day_return: float | None
    drawdown: float | None
    level: int | None
    decided: str
    decision: str
    status: str
    following: str
    chart: LineChart


@dataclass(frozen=True)
class OverviewView:
    """What the overview shows: the books, files that hold none, those not started, the desk's lights."""

    cards: tuple[BookCard, ...]
    broken: Mapping[str, str]
    waiting: tuple[str, ...]
    desk: tuple[Light, ...]


#: What each light of a book gathers of what stands against it.
_ABOUT: Mapping[str, tuple[Gravity, ...]] = {
    "Data": (Gravity.QUARANTINE, Gravity.STALE),
    "Decision": (Gravity.FAILED, Gravity.FILELESS, Gravity.DEGRADED),
    "Orders": (Gravity.UNSENT, Gravity.UNEVEN, Gravity.FOREIGN),
    "Risk": (Gravity.STOPPED, Gravity.WAITS, Gravity.REDUCES, Gravity.LIMITED),
}


@router.get("/")
def overview(screen: AScreen) -> HTMLResponse:
    """The first page."""
    return screen.render("overview.html.j2", overview_view(screen), title="Overview", tab="overview")


@router.get("/card")
def card(screen: AScreen) -> JSONResponse:
    """What the card on Airflow's home tells: a line a book, in words."""
    from nightdesk.alerts.figures import money, percent

    view = overview_view(screen)
    return JSONResponse(
        {
            "words": "" if view.cards else "No book is started yet.",
            "books": [
                {
                    "name": one.name,
                    "title": one.title,
                    "href": f"plugin/nightdesk/books/{one.name}",
                    "figures": f"{money(one.nav)}, {percent(one.day_return, signed=True)} at {one.decided}",
                    "lights": [
                        {"about": light.about, "tone": light.tone, "words": light.words}
                        for light in one.lights
                    ],
                }
                for one in view.cards
            ],
        }
    )


@router.get("/dag")
def of_dag(screen: AScreen, dag_id: str) -> RedirectResponse:
    """A DAG's tab: the book that it decides for, or the overview."""
    book = dag_id.partition("__")[2]
    where = screen.address("books", book) if book in screen.started else f"{screen.base}/"
    return RedirectResponse(where)


def overview_view(screen: Screen) -> OverviewView:
    """Read what the overview shows."""
    from nightdesk.operations.fileless import fileless_books
    from nightdesk.session.context import project_root
    from nightdesk.store.cockpit_rows import waiting_alerts

    alerts = waiting_alerts(screen.conn)
    lacking = {
        one.book: f"{one.words} {one.todo}" for one in fileless_books(screen.conn, project_root(os.environ))
    }
    cards = tuple(_card(screen, name, lacking.get(name, ""), alerts.get(name, {})) for name in screen.started)
    return OverviewView(
        cards=tuple(sorted(cards, key=lambda one: (_gravest(one.concerns).rank, one.name))),
        broken=screen.book_list.broken,
        waiting=tuple(name for name in screen.books if name not in screen.started),
        desk=(_feeds(screen), _backup(screen), _alerts(screen, "", alerts.get("", {}))),
    )


def _card(screen: Screen, book: str, lacking: str, alerts: Mapping[str, int]) -> BookCard:
    from nightdesk.operations.book_concerns import concerns_of
    from nightdesk.store.cockpit_rows import nav_history, newest_decision
    from nightdesk.store.risk_state_rows import newest_risk_state

    conn, schedule = screen.conn, screen.schedule(book)
    against = concerns_of(conn, book, schedule, lacking)
    history = nav_history(conn, book, PICTURED)
    newest = newest_decision(conn, book)
    stood = newest_risk_state(conn, book)
    mark = history[-1] if history else None
    before = history[-2] if len(history) > 1 else None
    known = screen.books.get(book)
    decided = _name(screen, book, newest)
    following, behind = _following(screen, book)
    return BookCard(
        name=book,
        title=book if known is None else known.title,
        lights=(
            *_lights(screen, book, against, behind),
            _broker(screen, book, newest),
            _alerts(screen, book, alerts),
        ),
        concerns=against,
        nav=None if mark is None else mark.nav,
        profit=None if mark is None or before is None else mark.nav - before.nav,
        day_return=None
        if mark is None or before is None or not before.nav
        else float(mark.nav / before.nav - 1),
        drawdown=None if mark is None else mark.drawdown,
        level=None if stood is None or (known is not None and known.levels is None) else stood.state.level,
        decided=decided,
        decision="" if newest is None else newest["as_of"].isoformat(),
        status="" if newest is None else newest["status"],
        following=following,
        chart=LineChart(
            f"nav-{book}",
            f"Value, {len(history)} sessions",
            [one.session for one in history],
            (Series(book, [one.nav for one in history]),),
            unit="money",
            links=screen.address("books", book, "session") + "?as_of={session}",
            height=120,
            legend=False,
        ),
    )


def _lights(screen: Screen, book: str, against: Sequence[Concern], behind: int) -> Iterable[Light]:
    where = {"Data": ("data",), "Decision": ("books", book, "decision"), "Orders": ("books", book, "orders")}
    for about, states in _ABOUT.items():
        found = [one for one in against if one.state in states]
        tone, words = "gain", "well"
        if found:
            worst = min(found, key=lambda one: one.state.rank).state
            tone, words = worst.colour, str(worst)
        elif about == "Decision" and behind > 0:
            tone, words = "warn", f"{behind:,} behind"
        yield Light(about, tone, words, screen.address(*where.get(about, ("books", book, "risk"))))


def _broker(screen: Screen, book: str, newest: Mapping[str, object] | None) -> Light:
    """Whether ledger and broker agree by the newest settling."""
    from nightdesk.store.broker_rows import newest_differences
    from nightdesk.store.ledger_rows import disputed_positions

    href = screen.address("books", book, "orders")
    if newest is None:
        return Light("Broker", "", "not settled yet", href)
    as_of = newest["as_of"]
    if isinstance(as_of, datetime) and disputed_positions(screen.conn, book, as_of):
        return Light("Broker", "loss", "in dispute", href)
    if newest_differences(screen.conn, book):
        return Light("Broker", "loss", "differs", href)
    return Light("Broker", "gain", "agrees", href)


def _alerts(screen: Screen, book: str, waiting: Mapping[str, int]) -> Light:
    count = sum(waiting.values())
    grave = waiting.get("EMERGENCY", 0) + waiting.get("CRITICAL", 0)
    tone = "loss" if grave else "warn" if count else "gain"
    href = screen.address("alerts", book=book) if book else screen.address("alerts")
    return Light("Alerts", tone, f"{count} open" if count else "none", href)


def _feeds(screen: Screen) -> Light:
    from nightdesk.operations.feed_standing import feed_standings

    found = feed_standings(screen.conn)
    bad = [one for one in found if one["status"] != "healthy"]
    tone = "gain" if not bad else "loss" if any(one["status"] == "open circuit" for one in bad) else "warn"
    words = f"{len(bad)} of {len(found)} not well" if bad else f"{len(found)} well"
    return Light("Feeds", tone, words, screen.address("data"))


def _backup(screen: Screen) -> Light:
    from nightdesk.operations.backup_concerns import backup_age

    found = backup_age(screen.conn)
    tone = {"": "", "well": "gain", "late": "warn", "bad": "loss"}[found.gravity]
    return Light("Backup", tone, found.words, screen.address("alerts"))


def _following(screen: Screen, book: str) -> tuple[str, int]:
    """The next decision in words, and how many could be made by now and are not."""
    from nightdesk.alerts.figures import instant
    from nightdesk.session.gaps import first_missing
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.db import now

    schedule, record = screen.schedule(book), book_record(screen.conn, book)
    if schedule is None or record is None:
        return "unknown without its file", 0
    completed = schedule.latest_completed(now(screen.conn))
    as_of = first_missing(screen.conn, book, record.inception, schedule)
    behind = max(0, schedule.index(completed) - schedule.index(as_of) + 1)
    return f"{schedule.name_of(as_of)}, from {instant(schedule.known_from(as_of))}", behind


def _name(screen: Screen, book: str, decision: Mapping[str, object] | None) -> str:
    if decision is None:
        return "nothing yet"
    schedule, as_of = screen.schedule(book), decision["as_of"]
    if schedule is None or not isinstance(as_of, datetime):
        return f"{decision['session']}"
    return schedule.name_of(as_of)


def _gravest(against: Sequence[Concern]) -> Gravity:
    from nightdesk.alerts.concerns import gravest

    return gravest(against)
