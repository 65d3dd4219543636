"""Kept backtests side by side: what each came to, and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import BadRequest
from nightdesk.store.backtest_rows import KeptBacktest, backtest_document, backtests_by_number

if TYPE_CHECKING:
    from nightdesk.store.db import Connection

#: So many are set side by side.
MOST = 8


@dataclass(frozen=True)
class BacktestDifference:
    """One thing in which compared backtests differ: a key, and its value in each of them as text."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ComparedBacktests:
    """Backtests side by side.

    Attributes
    ----------
    kept : tuple of KeptBacktest
        In the order in which they were asked for.
    differences : tuple of BacktestDifference
        First of what they are made with (book, span, capital, releases, code, bars, sources), then the keys
        of the book by their paths.
    """

    kept: tuple[KeptBacktest, ...]
    differences: tuple[BacktestDifference, ...]

    @property
    def alike(self) -> bool:
        """Whether all of them were made with the same: then their figures are the same too."""
        return not self.differences


def compare_backtests(conn: Connection, numbers: Sequence[int]) -> ComparedBacktests:
    """Set kept backtests side by side.

    Raises
    ------
    BadRequest
        When fewer than two or more than `MOST` are named, or there is no such one.
    """
    wanted = list(dict.fromkeys(numbers))
    if not 2 <= len(wanted) <= MOST:
        raise BadRequest(f"{len(wanted)} backtests to compare: name 2 to {MOST} of them")
    found = backtests_by_number(conn, wanted)
    missing = [str(number) for number in wanted if number not in found]
    if missing:
        raise BadRequest(f"there is no kept backtest {', '.join(missing)}: `nightdesk backtests` lists them")
    kept = tuple(found.values())
    made = [_made_with(one) for one in kept]
    books = [_flat(backtest_document(conn, one.number)) for one in kept]
    return ComparedBacktests(kept, (*_differences(made), *_differences(books)))


def _made_with(one: KeptBacktest) -> dict[str, str]:
    return {
        "book": one.book,
        "from": f"{one.first}",
        "to": f"{one.last}",
        "capital": f"{one.capital:.2f}",
        "release after": "" if one.release_after is None else f"{one.release_after}",
        "code": one.code_version,
        "bars": str(one.figures.get("panel_hash") or "")[:12],
        "sources": ", ".join(one.sources),
    }


def _differences(each: Sequence[Mapping[str, str]]) -> tuple[BacktestDifference, ...]:
    """The keys whose values are not the same in all; one that is absent is empty."""
    keys = dict.fromkeys(key for one in each for key in one)
    rows = (BacktestDifference(key, tuple(one.get(key, "") for one in each)) for key in keys)
    return tuple(row for row in rows if len(set(row.values)) > 1)


def _flat(tree: Any, path: str = "") -> dict[str, str]:
    """The leaves of a document by their dotted paths, as text."""
    parts = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list) else None
    if parts is None:
        return {path: "" if tree is None else str(tree)}
    out: dict[str, str] = {}
    for name, inner in parts:
        out |= _flat(inner, f"{path}.{name}" if path else str(name))
    return out
