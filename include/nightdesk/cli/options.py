"""The arguments and options that several commands share."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def iso_date(text: str | date) -> date:
    """Read a date as people write it on the command line."""
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date: write it as 2022-12-30") from None


#: A session by this word, where a date would do: the newest one.
NEWEST: Literal["newest"] = "newest"


def date_or_newest(text: str | date) -> date | Literal["newest"]:
    """Read a date, or the word for the newest session."""
    return NEWEST if text == NEWEST else iso_date(text)


def iso_instant(text: str | datetime) -> datetime:
    """Read an instant with its zone as people write it on the command line."""
    if isinstance(text, datetime):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an instant: write it as 2022-12-30T16:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} names no zone: write it in UTC as 2022-12-30T16:00Z")
    return moment


def day_option(flag: str, help_: str) -> Any:
    """An option that takes a date, as typer wants it in an annotation."""
    return typer.Option(flag, metavar="D", parser=iso_date, help=help_, show_default=False)


def _setting(text: str) -> str:
    key, equals, _ = text.partition("=")
    if not equals or not key.strip():
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE, such as limits.trades_per_day.limit=8")
    return text


def _accepted(text: str | tuple[str, date]) -> tuple[str, date]:
    if isinstance(text, tuple):
        return text
    symbol, colon, day = text.rpartition(":")
    if not colon or not symbol.strip():
        raise typer.BadParameter(f"{text!r} is not SYMBOL:DATE, such as AMD:2016-04-22")
    return symbol.strip(), iso_date(day)


BookName = Annotated[
    str, typer.Argument(metavar="BOOK", help="A book in books/, or the path of a YAML file.")
]
First = Annotated[
    date,
    day_option("--from", "First session, as 2022-01-03."),
]
Last = Annotated[
    date,
    day_option("--to", "Last session, as 2022-12-30."),
]
# Of typer's own types none is a date or a word.
Session = Annotated[
    Any,
    typer.Option(
        "--session",
        metavar="D",
        parser=date_or_newest,
        help="The session to decide, as 2022-12-30; `newest`: the newest decision that can be made.",
        show_default=False,
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        metavar="T",
        parser=iso_instant,
        help="A decision by its instant, as 2026-11-19T15:00Z, where a session has several; "
        "without it the session's last.",
        show_default=False,
    ),
]
Day = Annotated[
    Any,
    typer.Argument(
        metavar="D",
        parser=date_or_newest,
        help="The session, as 2022-12-30; `newest`: the newest decision of the book.",
    ),
]
FeedName = Annotated[
    str | None,
    typer.Option(
        "--feed",
        metavar="F",
        help="sample, yahoo, polygon, or files:PATH with bars of your own; by default the book's feeds.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        parser=_setting,
        help="A value over the book's own, such as portfolio.volatility_target=0.10; may be repeated.",
        show_default=False,
    ),
]
Kills = Annotated[
    list[date] | None,
    day_option("--kill", "A drill: set the kill switch from this session on; may be repeated."),
]
Releases = Annotated[
    list[date] | None,
    day_option("--release", "A drill: release the kill switch from this session on; may be repeated."),
]
ReleaseAfter = Annotated[
    int | None,
    typer.Option(
        "--release-after",
        metavar="SESSIONS",
        min=1,
        help="Let a simulated person release a kill that a rule has set after so many sessions; by default "
        "nobody does, and nothing is opened from then on.",
        show_default=False,
    ),
]
Accepts = Annotated[
    list[Any] | None,
    typer.Option(
        "--accept",
        metavar="SYMBOL:DATE",
        parser=_accepted,
        help="A price in quarantine that is taken as it is, as AMD:2016-04-22; may be repeated.",
        show_default=False,
    ),
]
Inject = Annotated[
    Path | None,
    typer.Option(
        "--inject",
        metavar="FILE",
        help="An exercise: a CSV of signals that take the place of the strategies' own; paper only.",
        show_default=False,
    ),
]
Notices = Annotated[
    Path | None,
    typer.Option(
        "--notices",
        metavar="FILE",
        help="A CSV of options that are exercised or assigned early: session, contract, kind, quantity.",
        show_default=False,
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="Where the result is written.", show_default=False)]
KeepBand = Annotated[
    bool,
    typer.Option(
        "--keep-band",
        help="Store the band of each strategy's results, which live results are compared with.",
        show_default=False,
    ),
]
Keep = Annotated[
    bool,
    typer.Option("--keep", help="Keep its figures and its course in the store.", show_default=False),
]
Note = Annotated[str, typer.Option("--note", metavar="T", help="What is kept with it.", show_default=False)]
FileFormat = Annotated[
    Literal["csv", "parquet"],
    typer.Option("--format", help="What the tables of --out are written as."),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="T", help="Why; it is kept with your name.", show_default=False)
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output.", show_default=False)
]


def settings(pairs: list[str] | None) -> dict[str, str]:
    """The ``--set`` options as a mapping; of a key given twice the last counts."""
    return {key.strip(): value for key, _, value in (pair.partition("=") for pair in pairs or ())}


def one_decision(
    session: date | Literal["newest"] | None, as_of: datetime | None
) -> date | datetime | Literal["newest"]:
    """The session or instant that was chosen; wrong usage where it is none of them, or both."""
    match session, as_of:
        case None, datetime():
            return as_of
        case ((date() | "newest"), None):
            return session
    raise typer.BadParameter("name one of them", param_hint="'--session' / '--as-of'")


def check_span(first: date, last: date) -> None:
    """Wrong usage where a span ends before it begins."""
    if last < first:
        raise typer.BadParameter(
            f"the span ends ({last}) before it begins ({first})", param_hint="'--from' / '--to'"
        )


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
