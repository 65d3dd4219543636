"""What the rules of the gate are asked, with what several of them measure of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.risk.situation import Flags, Situation


class Asked:
    """Net units that are wanted beside those that are held; what is measured of them is measured once.

    Attributes
    ----------
    wanted, held : ndarray of shape (n_symbols,)
        As `nightdesk.risk.rule.Rule.apply` has them.
    situation : Situation
    """

    def __init__(self, wanted: Floats, held: Floats, situation: Situation) -> None:
        self.wanted, self.held, self.situation = wanted, held, situation

    @cached_property
    def weight(self) -> Floats:
        """Shares of NAV that are wanted, absolute; shape (n_symbols,)."""
        return np.abs(self.situation.weights(self.wanted))

    @cached_property
    def gross(self) -> float:
        """Absolute dollars that are wanted."""
        return self.situation.gross(self.wanted)

    @cached_property
    def kept(self) -> Floats:
        """What is wanted, less every addition; shape (n_symbols,)."""
        return without_entries(self.wanted, self.held)

    @cached_property
    def adds(self) -> bool:
        """Whether anything is added to what is held, or turned to the other side."""
        return anywhere((np.abs(self.wanted) > np.abs(self.held)) | (self.wanted * self.held < 0.0))

    @cached_property
    def traded(self) -> Flags:
        """Where something is bought or sold; shape (n_symbols,)."""
        traded: Flags = self.wanted != self.held
        return traded

    @cached_property
    def trades(self) -> int:
        """Symbols that are traded."""
        return np.count_nonzero(self.traded)

    @cached_property
    def notional(self) -> Floats:
        """Absolute dollars that are traded, of shape (n_symbols,)."""
        return np.abs(self.wanted - self.held) * self.situation.price

    @cached_property
    def turnover(self) -> float:
        """Absolute dollars that are traded, over all symbols."""
        return float(self.notional.sum())


def anywhere(flags: Flags) -> bool:
    """Whether any flag is set: `flags.any()`, in a tenth of its time on the short arrays of a book."""
    return np.count_nonzero(flags) > 0


def without_entries(wanted: Floats, held: Floats) -> Floats:
    """What is wanted, less every addition: nothing grows, nothing changes its sign, reductions stay."""
    kept: Floats = np.minimum(np.maximum(wanted, np.minimum(held, 0.0)), np.maximum(held, 0.0))
    return kept
