"""What a backtest cannot know of its book: made from the book and its data, not a fixed text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nightdesk.alerts.figures import percent
from nightdesk.alerts.page_templates import counted
from nightdesk.research.tear_sheet.sheet_origin import ENDED, SheetOrigin
from nightdesk.research.tear_sheet.sheet_parts import SheetLines, SheetSection, section

if TYPE_CHECKING:
    from nightdesk.research.backtest.run import Result
    from nightdesk.research.tear_sheet.figure_sections import SheetTrials


def unknown_section(
    document: Mapping[str, Any],
    origin: SheetOrigin,
    result: Result | None = None,
    trials: SheetTrials | None = None,
) -> SheetSection | None:
    """What its figures leave out.

    Parameters
    ----------
    document : mapping
        The book as plain values, with every default: `nightdesk.core.book.Book.document`.
    origin : SheetOrigin
    result : Result, optional
        Says what was traded; without it all is told that the book allows.
    trials : SheetTrials, optional
    """
    lines = (
        *_of_universe(document, result),
        *_of_bars(origin),
        *_of_fills(document),
        *_of_stops(document),
        *_of_money(document, result),
        *_of_people(document, result),
        *_of_tries(trials),
    )
    return section("What this cannot know", [SheetLines(lines)])


def _of_universe(document: Mapping[str, Any], result: Result | None) -> Iterator[str]:
    universe = document["universe"]
    ended = None if result is None else len({one.symbol for one in result.entries if one.kind in ENDED})
    held = "" if ended is None else f" {ended or 'None'} of those that were held ended in this span."
    if not universe.keys() & {"members", "screen"}:
        count = counted(len(universe), "symbol")
        yield (
            f"Survivors: the {count} of the book's file were chosen by people who knew that they would live "
            f"on; "
            f"what was delisted before is not among them, and results on the past flatter.{held}"
        )
    elif "screen" in universe:
        yield (
            "Survivors: the screens see the stocks that the source of listings has. One that knows no "
            "delisted "
            f"stock makes results on the past flatter.{held}"
        )
    else:
        yield f"Members are those of {universe['members']}, as far as it knows who was one when.{held}"


def _of_bars(origin: SheetOrigin) -> Iterator[str]:
    if origin.sampled:
        yield "The market: sample bars follow a formula; what earns on them has not been shown to earn."
    else:
        yield (
            "What was known then: bars and corporate actions are as they stood when the backtest was made; "
            "what was "
            "corrected, or came late, may have looked different on the day."
        )


def _of_fills(document: Mapping[str, Any]) -> Iterator[str]:
    schedule, costs = document["schedule"], document["costs"]
    when = "the next open"
    if schedule["rhythm"] == "hourly":
        when = (
            "the mean price of the next hour" if schedule["fill"] == "mean" else "the open of the next hour"
        )
    share = percent(costs["slippage"], places=3)
    yield (
        f"Impact: an order fills at {when} and moves no price beyond the slippage of the book ({share} "
        f"unless a "
        "symbol has its own), however large it is and whatever others did."
    )
    bounds = {one["max_volume_share"] for one in _accounts(document)}
    if None in bounds:
        yield "Depth: an order fills whole, whatever the volume of its bar."
    for bound in sorted(bounds - {None}):
        yield (
            f"Depth: orders take up to {percent(bound, places=0)} of the volume of the bar they fill in, "
            f"all of it at "
            "one price; the auction alone may hold less."
        )
    if document["orders"]["type"] == "limit":
        yield "Queues: a limit order fills once a price touches its limit; a real one may have to queue."


def _of_stops(document: Mapping[str, Any]) -> Iterator[str]:
    resting = document.get("protective") or any(
        (one.get("protective") or {}) for one in document["strategies"].values()
    )
    if resting:
        yield (
            "The path within a bar: a resting stop fills where the low or high reaches it, and where both a "
            "stop and "
            "a target lie within one bar the stop counts."
        )
    elif "stop_loss" in document["limits"]:
        yield "The path within a bar: stops are looked at in each decision and left at the next fill."


def _of_money(document: Mapping[str, Any], result: Result | None) -> Iterator[str]:
    financing = document.get("financing")
    credit = document["cash"]["interest"] if financing is None else financing["credit_rate"]
    if not credit:
        yield "Interest: idle cash earns nothing here, in times of high rates as in those of low ones."
    shorted = result is None or any(one.state.mark.net < one.state.mark.gross for one in result.decided)
    if shorted and financing is not None:
        rate = percent(financing["borrow_rate"])
        yield (
            f"Borrowing: every unit that is sold short could be borrowed, at {rate} a year unless a symbol "
            f"has its "
            "own rate, and none was ever called back."
        )
    terms = ((symbol, one) for symbol, one in document["universe"].items() if isinstance(one, Mapping))
    fixed = [symbol for symbol, one in terms if one.get("funding_rate") is not None]
    if fixed:
        yield f"Funding: {', '.join(fixed)} pay one rate for the whole span; the market's own changes."
    yield "Taxes: none are taken off, neither on gains nor on dividends; form_8949 holds the sales."


def _of_people(document: Mapping[str, Any], result: Result | None) -> Iterator[str]:
    levels = document.get("levels")
    if levels is not None:
        yield (
            f"People: a simulated person confirms the way back from a drawdown "
            f"{levels['confirm_after_sessions']} "
            "sessions after being asked; a real one may say no, or come later."
        )
    if result is not None and any(one.released_by for one in result.killed_spells):
        yield "The kill switch: a simulated person, or a drill, released it where a real book would wait."


def _of_tries(trials: SheetTrials | None) -> Iterator[str]:
    if trials is None:
        yield (
            "Tries: how often this book was evaluated before is not counted here. Its parameters were "
            "written by "
            "people who knew a part of this span, and the best of many tries is too good to be expected."
        )
    else:
        yield "Tries: people who wrote the parameters knew a part of this span; the tries are counted above."


def _accounts(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    broker = document.get("broker")
    yield from (document.get("accounts") or {}).values() if broker is None else (broker,)
