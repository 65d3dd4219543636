"""What research commands say of the bars behind a result: what is missing, in quarantine, dropped, unread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightdesk.core.panel import Panel
    from nightdesk.research.backtest.data import FetchedBars

#: Lines of one kind that are shown; the others are counted.
SHOWN = 5


def market_document(market: FetchedBars) -> dict[str, Any]:
    """Where the bars of a result came from, and what of them was left out."""
    return {
        "sources": market.sources,
        "missing": {symbol: str(reason) for symbol, reason in market.missing.items()},
        "dropped_rows": dict(market.dropped),
        "unread_files": dict(market.passed_over),
        "actions": list(_actions(market.panel)),
    }


def market_counts(market: FetchedBars) -> dict[str, Any]:
    """The same in numbers, for commands that run many backtests on the same bars."""
    told = market_document(market)
    counts = {name: len(told[name]) for name in ("missing", "unread_files", "actions")}
    return {**counts, "dropped_rows": sum(market.dropped.values())}


def count_lines(counts: Mapping[str, int]) -> Iterator[str]:
    """The counts of `market_counts` in one line; none where nothing was left out."""
    names = {
        "missing": "symbols without bars",
        "quarantined": "symbols in quarantine at times",
        "actions": "corporate actions that are not plain",
        "unread_files": "files not read",
        "dropped_rows": "rows dropped",
    }
    told = [f"{counts[name]:,} {what}" for name, what in names.items() if counts.get(name)]
    if told:
        yield f"of the bars: {', '.join(told)}; `nightdesk backtest` names them"


def _actions(panel: Panel) -> Iterator[dict[str, Any]]:
    """What was found of corporate actions that are not plain: symbol, session, outcome, words, answers."""
    from nightdesk.core.calendar import as_date
    from nightdesk.core.corporate.findings import fold

    for one in fold(panel.findings):
        yield {
            "symbol": one.symbol,
            "session": as_date(one.session),
            "outcome": one.outcome.value,
            "words": one.words,
            "answers": list(one.answers),
        }


def folded(lines: Sequence[str], what: str, where: str = "--json") -> Iterator[str]:
    """The first lines, and how many more there are where they are many."""
    shown = lines if len(lines) <= SHOWN + 1 else lines[:SHOWN]
    yield from shown
    if len(shown) < len(lines):
        yield f"and {len(lines) - len(shown):,} more {what}; {where} names all"


def spell_ends(spell: Mapping[str, Any]) -> tuple[str, str]:
    """The first and the last session of a spell, or its hours, in words."""
    first, last = spell.get("named") or (spell["first"], spell["last"])
    return str(first), str(last)


def spell_length(spell: Mapping[str, Any]) -> str:
    """How many sessions a spell has, or how many decisions of an hourly book, in words."""
    noun = "decision" if "decisions" in spell else "session"
    count = spell[f"{noun}s"]
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def data_lines(document: Mapping[str, Any], quarantines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a reader must know of the bars before the figures, the gravest first.

    Parameters
    ----------
    document : mapping
        With what `market_document` made.
    quarantines : sequence of mapping
        Spells as `metrics.json` holds them, the longest first.
    """
    if "sample" in document["sources"]:
        yield "sample data: these bars are generated, not a market's"
    missing = [f"without {symbol}: {reason}" for symbol, reason in document["missing"].items()]
    yield from folded(missing, "symbols without bars")
    spells = [
        f"in quarantine: {one['symbol']} from {' to '.join(spell_ends(one))} ({spell_length(one)}): "
        f"{one['reason']}"
        for one in quarantines
    ]
    yield from folded(spells, "spells in quarantine")
    actions = [
        f"{one['outcome']}: {one['symbol']} {one['session']}: {one['words']}"
        + "".join(f"; `{command}`" for command in one["answers"])
        for one in document["actions"]
    ]
    yield from folded(actions, "corporate actions that are not plain")
    unread = [f"not read: {path}: {reason}" for path, reason in document["unread_files"].items()]
    yield from folded(unread, "files that were not read")
    if document["dropped_rows"]:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in document["dropped_rows"].items())
        yield f"rows dropped: {counts}"
