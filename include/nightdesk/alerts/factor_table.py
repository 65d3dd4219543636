"""The factors that a book shows of a session, symbol by symbol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: What is written where a value is not known.
MISSING = "missing"


@dataclass(frozen=True)
class FactorTable:
    """A column a factor, a line a symbol.

    Attributes
    ----------
    names : tuple of str
        The factors, in the order of the book.
    rows : tuple of (str, tuple of float)
        Symbol, and its values in the order of `names`; NaN where one is not known.
    """

    names: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[float, ...]], ...] = ()

    @classmethod
    def of(
        cls, names: Sequence[str], symbols: Sequence[str], stored: Mapping[str, Iterable[float]]
    ) -> FactorTable:
        """The table of some symbols.

        Parameters
        ----------
        names, symbols : sequence of str
        stored : mapping of factor to floats, of the length of `symbols`
            One that is not in it is not known of any symbol.
        """
        if not names:
            return cls()
        unknown = [math.nan] * len(symbols)
        columns = [stored.get(name, unknown) for name in names]
        values = zip(*([float(one) for one in column] for column in columns), strict=True)
        return cls(tuple(names), tuple(zip(symbols, values, strict=True)))

    @property
    def written(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The rows with their values in words."""
        return tuple((symbol, tuple(map(factor_words, values))) for symbol, values in self.rows)

    @property
    def document(self) -> dict[str, dict[str, float | None]]:
        """Values by symbol and factor, None where one is not known."""
        return {
            symbol: {
                name: value if math.isfinite(value) else None
                for name, value in zip(self.names, values, strict=True)
            }
            for symbol, values in self.rows
        }


def factor_words(value: float) -> str:
    """A value with six significant digits, or that it is missing."""
    return f"{value:,.6g}".replace("-", "\u2212") if math.isfinite(value) else MISSING
