"""The columns of a backtest's tables: what their values are, and some rows of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few different values: those, and the place among them of each row's."""

    values: Sequence[Any]
    codes: NDArray[np.integer]

    @classmethod
    def repeated(cls, values: Sequence[Any], counts: Sequence[int]) -> Coded:
        """Each value in so many rows."""
        return cls(values, np.repeat(np.arange(len(values)), counts))

    @classmethod
    def alike(cls, rows: Sequence[Any]) -> Coded:
        """The objects of rows, of which many are the same one."""
        different = {id(one): one for one in rows}
        place = {key: at for at, key in enumerate(different)}
        return cls(tuple(different.values()), np.array([place[id(one)] for one in rows], dtype=np.intp))

    def each(self, what: Callable[[Any], Any]) -> Coded:
        """Something of each value, in the rows of the value."""
        return Coded([what(one) for one in self.values], self.codes)


Column = Sequence[Any] | Floats | Coded
#: The columns of some rows of a table, in their order.
Block = Sequence[Column]
#: Rows that are turned into columns at a time.
ROWS_AT_ONCE = 16_384

Kind = Literal["date", "instant", "text", "flag", "count", "number"]

#: What the values of a column are, by its name, or by that of its table and its own; all others are numbers.
KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        ("session", "entry_session", "exit_session", "acquired", "sold", "held_since"), "date"
    ),
    **dict.fromkeys(("as_of", "entry_as_of", "exit_as_of"), "instant"),
    **dict.fromkeys(
        (
            "strategy", "symbol", "direction", "reason", "rule", "action", "words", "client_order_id", "side",
            "order_type", "time_in_force", "purpose", "state", "execution_id", "entry_reason", "exit_reason",
            "filter", "dropped.other", "largest", "largest_group", "nearest_limit", "nearest_subject", "part",
            "box", "description", "code", "tax_class", "book", "lot", "kind", "account",
            "figures", "pair",
        ),
        "text",
    ),
    "injected": "flag",
    **dict.fromkeys(("level", "step", "sessions", "var_sessions", "targets.bundle", "uneven"), "count"),
    **dict.fromkeys(
        (
            "entries", "left_reached", "left_stop", "left_age", "left_sign", "left_uneven", "left_other",
            "pairs.held",
        ),
        "count",
    ),
    "orders.bundle": "text",
}  # fmt: skip


def kind_of(table: str, column: str) -> Kind:
    """What the values of a column of a table are."""
    return KINDS.get(f"{table}.{column}") or KINDS.get(column) or "number"
