"""`risk`: what a book may lose, and how far it stands from its limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json, day_option
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.alerts.risk_lines import RiskSection
    from nightdesk.risk import RiskState

Of = Annotated[
    date | None,
    day_option("--session", "The session, as 2022-12-30; by default the newest with a report."),
]


@app.command(epilog=example("nightdesk risk multi_asset", "nightdesk risk multi_asset --session 2022-12-30"))
def risk(book: BookName, session: Of = None, json: Json = False) -> None:
    """Tell what a book may lose, and how far it stands from its limits.

    Of what it held at the mark of the session: drawdown level, volatility, value at risk, concentration,
    correlations, the room to every limit.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.errors import Refused
    from nightdesk.core.schedule import schedule_of
    from nightdesk.session.report import risk_section
    from nightdesk.store.risk_report_rows import newest_risk_report

    loaded = open_book(book)
    with database() as conn:
        schedule, newest = schedule_of(loaded), newest_risk_report(conn, loaded.name)
        as_of = newest if session is None else None
        if session is not None and schedule.calendar.is_session(session):
            as_of = schedule.last_of(session)
        chosen = session if as_of is None else schedule.session_of(as_of)
        section = None if as_of is None else risk_section(conn, loaded, as_of)
    if chosen is None or section is None:
        found = (
            "none of its sessions has" if newest is None else f"its newest is of {schedule.name_of(newest)}"
        )
        raise Refused(
            f"{loaded.name} has no risk report{'' if chosen is None else f' of {chosen}'} ({found}): "
            "the gate step of a session makes it"
        )
    show(
        _document(loaded.name, chosen, section),
        as_json=json,
        text=lambda: _lines(loaded.name, chosen, section),
    )


def _document(book: str, session: date, section: RiskSection) -> dict[str, Any]:
    from dataclasses import asdict

    told = asdict(section.report)
    dollars = {
        f"{name}_{figure}": section.dollars(told["tail"][name][figure])
        for name in ("historical", "normal")
        for figure in ("var", "cvar")
    }
    told["picture"]["matrix"] = section.report.picture.matrix.tolist()
    return {
        "book": book,
        "session": session,
        "level": section.level,
        "drawdown": drawdown_document(section.state),
        **told,
        "dollars": dollars,
    }


def drawdown_document(state: RiskState | None) -> dict[str, Any] | None:
    """Both drawdowns with the peaks that they are measured from; None where no state was kept."""
    if state is None:
        return None
    return {
        "from_highest": state.drawdown_from_highest,
        "highest_nav": state.highest,
        "since_reset": state.drawdown,
        "peak_nav": state.peak,
        "peak_was_reset": state.peak != state.highest,
    }


def _lines(book: str, session: date, section: RiskSection) -> Iterator[str]:
    from nightdesk.alerts.figures import money, percent
    from nightdesk.alerts.risk_lines import risk_lines

    yield f"{book} at the mark of {session}, NAV {money(section.report.nav)}"
    yield from (f"  {line}" for line in risk_lines(section))
    yield ""
    heads = ("limit", "value", "at", "room", "state")
    rows = [(one.name, one.value, one.limit, one.room, one.state) for one in section.limits]
    yield from table(heads, rows, right=("value", "at", "room"))
    if section.contributions:
        yield ""
        heads = ("symbol", "weight", "adds to volatility", "share", "")
        parts = [
            (
                one.symbol,
                percent(one.weight, places=1),
                percent(one.contribution),
                percent(one.share, places=1),
                "returns missing" if one.gaps else "",
            )
            for one in section.contributions
        ]
        yield from table(heads, parts, right=heads[1:4])
