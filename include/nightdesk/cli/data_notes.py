"""What research commands say of the bars behind a result: what is missing, in quarantine, dropped, unread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightdesk.research.market import Market

#: Lines of one kind that are shown; the others are counted.
SHOWN = 5


def market_document(market: Market) -> dict[str, Any]:
    """Where the bars of a result came from, and what of them was left out."""
    return {
        "sources": market.sources,
        "missing": {symbol: str(reason) for symbol, reason in market.missing.items()},
        "dropped_rows": dict(market.dropped),
    }


def folded(lines: Sequence[str], what: str, where: str = "--json") -> Iterator[str]:
    """The first lines, and how many more there are where they are many."""
    shown = lines if len(lines) <= SHOWN + 1 else lines[:SHOWN]
    yield from shown
    if len(shown) < len(lines):
        yield f"and {len(lines) - len(shown):,} more {what}; {where} names all"


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
        f"in quarantine: {one['symbol']} from {one['first']} to {one['last']} "
        f"({one['sessions']:,} session{'' if one['sessions'] == 1 else 's'}): {one['reason']}"
        for one in quarantines
    ]
    yield from folded(spells, "spells in quarantine")
    if document["dropped_rows"]:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in document["dropped_rows"].items())
        yield f"rows dropped: {counts}"
