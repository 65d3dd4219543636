"""Every version of a symbol's bar of a session: since when it was known, its source, who saw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from nightdesk.cockpit.screen import AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.store.cockpit_data_rows import (
    BarVersion,
    SeenBy,
    bar_neighbours,
    bar_seen_by,
    bar_versions,
    versions_beside,
)
from nightdesk.store.cockpit_symbol_rows import stored_symbol

router = APIRouter()


@dataclass(frozen=True)
class VersionLine:
    """A version of the bar, what of it differs from the one before, and which decisions saw it."""

    version: BarVersion
    changed: tuple[str, ...]
    seen: tuple[SeenBy, ...]


@dataclass(frozen=True)
class BarVersionsView:
    """What the page of a bar shows.

    Attributes
    ----------
    lines : tuple of VersionLine
        The first known first; empty where the session has no daily bar of the symbol.
    hours, actions, second_closes : list of dict
        Versions of what belongs to it.
    before, after : date or None
        The sessions with a bar on either side.
    """

    symbol: str
    session: date
    lines: tuple[VersionLine, ...]
    hours: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    second_closes: list[dict[str, Any]]
    before: date | None
    after: date | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is stored of the symbol in the session."""
        return not (self.lines or self.hours or self.actions or self.second_closes)


def bar_versions_view(screen: Screen, symbol: str, session: date) -> BarVersionsView:
    """Every version of a bar.

    Raises
    ------
    HTTPException
        404 where nothing was ever stored of the symbol.
    """
    conn = screen.conn
    if stored_symbol(conn, symbol) is None:
        raise HTTPException(404, f"Nothing is stored of {symbol[:80]!r}: no feed has given a bar of it.")
    versions = bar_versions(conn, symbol, session)
    seen = bar_seen_by(conn, symbol, session, _readers(screen, symbol))
    before, after = bar_neighbours(conn, symbol, session)
    return BarVersionsView(
        symbol=symbol,
        session=session,
        lines=tuple(
            VersionLine(
                one,
                () if n == 0 else _changed(versions[n - 1], one),
                tuple(other for other in seen if other.known_at == one.known_at),
            )
            for n, one in enumerate(versions)
        ),
        **versions_beside(conn, symbol, session),
        before=before,
        after=after,
    )


@router.get("/data/bars")
def chosen_bar(screen: AScreen, symbol: str = "", session: str = "") -> HTMLResponse:
    """The page of the bar that a form names."""
    return bar_versions_page(screen, symbol.strip(), session.strip())


@router.get("/data/bars/{symbol:path}/{session}")
def bar_versions_page(screen: AScreen, symbol: str, session: str) -> HTMLResponse:
    """The page of a bar."""
    try:
        day = date.fromisoformat(session)
    except ValueError:
        raise Refused(f"session: found {session[:40]!r}; expected a day such as 2026-11-20") from None
    view = bar_versions_view(screen, symbol, day)
    return screen.render("bar_versions.html.j2", view, title=f"{symbol} on {day}", tab="data")


def _readers(screen: Screen, symbol: str) -> tuple[str, ...]:
    """Started books that read the symbol, or whose file cannot say."""
    known = screen.books
    return tuple(name for name in screen.started if name not in known or symbol in known[name].panel_symbols)


def _changed(before: BarVersion, now: BarVersion) -> tuple[str, ...]:
    names = ("open", "high", "low", "close", "volume", "source")
    return tuple(name for name in names if getattr(before, name) != getattr(now, name))
