"""What strategies that speak in turn measured and left behind, by the tables of their kind: today, pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.pair_rows import (
    pair_figure_rows,
    pair_figures_of,
    pair_state_rows,
    pair_states_before,
    pair_states_of,
)


def study_rows(studies: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What each strategy measured of a session, as rows by table."""
    return {"pair_figures": [row for name, one in studies.items() for row in pair_figure_rows(name, one)]}


def state_rows(states: Mapping[str, Sequence[Any]]) -> dict[str, list[dict[str, Any]]]:
    """What each strategy left to its next turn, as rows by table; nothing where there is no strategy."""
    if not states:
        return {}
    return {"pair_states": [row for name, one in states.items() for row in pair_state_rows(name, one)]}


def studies_of(conn: Connection, book: str, as_of: datetime, strategies: Sequence[str]) -> dict[str, Any]:
    """What each of some strategies measured of a decision's session."""
    found = pair_figures_of(conn, book, as_of) if strategies else {}
    return {name: found.get(name, ()) for name in strategies}


def states_of(
    conn: Connection, book: str, as_of: datetime, strategies: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    """What each of some strategies left in a decision."""
    found = pair_states_of(conn, book, as_of)
    return {name: found.get(name, ()) for name in strategies}


def states_before(
    conn: Connection, book: str, as_of: datetime, strategies: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    """The same of the decision before."""
    found = pair_states_before(conn, book, as_of)
    return {name: found.get(name, ()) for name in strategies}
