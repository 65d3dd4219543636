"""What a book holds, as arrays: each is made of the ledger when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.accounting.ledger import Ledger
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk

#: The place on a calendar that no session reaches.
NEVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class Holdings:
    """The positions of a ledger; all arrays have shape (n_strategies, n_symbols) and are not to be changed.

    They are the same as long as the ledger is: a state without new entries may keep those of the one before.

    Raises
    ------
    Refused
        When a position is held that the book no longer names.
    """

    desk: Desk
    ledger: Ledger

    @cached_property
    def quantity(self) -> Floats:
        """Units held."""
        return self._spread([float(one.quantity) for one in self.ledger.held()], 0.0)

    @cached_property
    def here(self) -> NDArray[np.bool_]:
        """Where anything is held."""
        here: NDArray[np.bool_] = self.quantity != 0.0
        return here

    @cached_property
    def side(self) -> Floats:
        """1 where a long is held, -1 where a short is, 0 elsewhere."""
        return np.sign(self.quantity)

    @cached_property
    def average(self) -> Floats:
        """Average costs of a unit, dollars: price at entry × multiplier; 0 where nothing is held."""
        return self._spread([float(one.average_cost or 0) for one in self.ledger.held()], 0.0)

    @cached_property
    def entered(self) -> NDArray[np.int64]:
        """Place on the book's calendar of the session that opened each position; `NEVER` without one."""
        calendar = get_calendar(self.desk.book.calendar)
        opened = [one.entry_session for one in self.ledger.held()]
        return self._spread([NEVER if one is None else calendar.index(one) for one in opened], NEVER)

    @cached_property
    def ends(self) -> Floats:
        """The place on the calendar at whose close each position ends by the age that its plan says.

        Out of reach where no plan does, and where nothing is held.
        """
        return self.entered + self.desk.most_sessions

    @cached_property
    def _places(self) -> tuple[list[int], list[int]]:
        """Rows and columns of the positions."""
        desk, positions = self.desk, self.ledger.held()
        row, column = desk.strategy_row, desk.column
        for one in positions:
            if one.strategy not in row or one.symbol not in column:
                raise Refused(
                    f"{desk.book.name} holds {one.quantity} {one.symbol} for {one.strategy}, "
                    "which the book no longer names: put symbol and strategy back until it is closed"
                )
        return [row[one.strategy] for one in positions], [column[one.symbol] for one in positions]

    def _spread(self, numbers: list[Any], other: float) -> NDArray[Any]:
        out = np.full((len(self.desk.strategies), len(self.desk.symbols)), other)
        out[self._places] = numbers
        out.flags.writeable = False
        return out


def over_strategies(numbers: Floats) -> Floats:
    """Sums over the strategies: (n_strategies, n_symbols) to (n_symbols,), not to be changed.

    What an only strategy has is what the book has.
    """
    total: Floats = numbers[0] if len(numbers) == 1 else numbers.sum(axis=0)
    return total


def counted(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Strategies of which a flag is set, by symbol: (n_strategies, n_symbols) to (n_symbols,)."""
    count: NDArray[np.int64] = flags[0].astype(np.int64) if len(flags) == 1 else flags.sum(axis=0)
    return count
