"""What the rules of the gate may look at in one decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.contracts import unit_value
from nightdesk.core.margin import Margin
from nightdesk.core.panel import Floats
from nightdesk.core.portfolio_terms import Band
from nightdesk.portfolio.units import Units
from nightdesk.risk.by_hand import ByHand
from nightdesk.risk.correlation import Correlations
from nightdesk.risk.periods import NO_LOSS, PeriodLows

Flags = NDArray[np.bool_]


#: The margin of an account that borrows nothing.
CASH = Margin()

_NOTHING: Mapping[str, Floats] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the book's risk stands in this decision; arrays of shape (n_symbols,).

    Attributes
    ----------
    level : int
        Drawdown level, 0 to 4.
    haven, first_out : bool ndarrays
        As the book's levels name them.
    sure : ndarray
        Units that strategies want to add with the confidence that level 1 asks for; infinite at the others.
    level_cap, stop_cap : ndarray
        Most units that the cut of a level, or a stop, leaves; infinite where none does.
    fall, stop_at : ndarray
        Loss a unit since the average entry, share of its price, and the loss at which the stop acts; NaN
        where nothing is held or no stop is set.
    size_cap : ndarray
        Most units that a position may grow to in recovery; infinite outside of one.
    leverage_limit : float
        Gross over NAV in recovery; infinite outside of one.
    correlations : Correlations
        Of the returns of what is held or wanted.
    """

    level: int
    haven: Flags
    first_out: Flags
    sure: Floats
    level_cap: Floats
    stop_cap: Floats
    fall: Floats
    stop_at: Floats
    size_cap: Floats
    leverage_limit: float
    correlations: Correlations

    @classmethod
    def calm(cls, n: int) -> Self:
        """Of `n` symbols in a book that nothing has happened to."""
        none, free, unknown = np.zeros(n, dtype=np.bool_), np.full(n, np.inf), np.full(n, np.nan)
        return cls(
            level=0,
            haven=none,
            first_out=none,
            sure=free,
            level_cap=free,
            stop_cap=free,
            fall=unknown,
            stop_at=unknown,
            size_cap=free,
            leverage_limit=np.inf,
            correlations=Correlations(np.empty((0, n)), none),
        )


@dataclass(frozen=True, slots=True)
class Entering:
    """What stands behind the entries of a decision; arrays of shape (n_symbols,).

    Attributes
    ----------
    confidence : ndarray
        Of the most confident strategy that adds to the symbol; 0 where none does.
    opens, open_here : int ndarrays
        Positions (of a strategy in the symbol) that would be opened, and that stay open.
    open_positions : int
        Positions that stay open, over all symbols.
    cash : float
        Dollars at the mark.
    costs : ndarray
        What a trade is expected to cost, share of its notional.
    ends : int ndarray
        Positions (of a strategy in the symbol) that are left entirely, in a book that ends them by plans; 0
        in any other.
    asked : ndarray or None
        Net units wanted before the gate, by which an exit is known that a rule on trades held back; None
        where nothing is left.
    closes : int ndarray
        Positions (of a strategy in the symbol) that are left entirely, in any book.
    stopped : bool ndarray
        Whether a strategy's own stop was reached in the symbol.
    """

    confidence: Floats
    opens: NDArray[np.int64]
    open_here: NDArray[np.int64]
    open_positions: int
    cash: float
    costs: Floats
    ends: NDArray[np.int64] | Literal[0] = 0
    asked: Floats | None = None
    closes: NDArray[np.int64] | int = 0
    stopped: Flags | bool = False

    def stay(self, wanted: Floats, held: Floats) -> NDArray[np.int64]:
        """Positions of each symbol that stay open: also those whose exit a rule on trades has held back.

        `wanted` and `held` are those of `Rule.apply`: an exit was held back where more of a reduction is left
        than was asked for.
        """
        if self.asked is None or not np.count_nonzero(self.closes):
            return self.open_here
        size = np.abs(wanted)
        held_back = (size > np.abs(self.asked)) & (size <= np.abs(held)) & (wanted * held > 0)
        stay: NDArray[np.int64] = self.open_here + np.where(held_back, self.closes, 0)
        return stay

    @classmethod
    def nothing(cls, n: int) -> Self:
        """Of `n` symbols in a book that has nothing and opens nothing."""
        none = np.zeros(n, dtype=np.int64)
        return cls(np.zeros(n), none, none, 0, 0.0, np.zeros(n))


@dataclass(frozen=True, slots=True)
class Protection:
    """What is lost where stops are hit; arrays of shape (n_symbols,), over all strategies.

    Attributes
    ----------
    held_risk, added_risk : ndarray
        Dollars a unit that are lost between the price and the stop: of what is held, and of what would be
        added. Without a stop the whole price counts; beyond its stop a position loses nothing more.
    bare, bare_entry : bool ndarrays
        Whether something is held without a stop; whether something would be added without one.
    """

    held_risk: Floats
    added_risk: Floats
    bare: Flags
    bare_entry: Flags

    @classmethod
    def none(cls, n: int) -> Self:
        """Of `n` symbols of which nothing is held or wanted."""
        flat, no = np.zeros(n), np.zeros(n, dtype=np.bool_)
        return cls(flat, flat, no, no)


@dataclass(frozen=True, slots=True)
class AccountFunds:
    """The money of a book's accounts, where it has several.

    Attributes
    ----------
    names : tuple of str, length n_accounts
    code : int ndarray of shape (n_symbols,)
        The account of each symbol, as its place in `names`.
    cash, nav : ndarray of shape (n_accounts,)
        Dollars that purchases may use there; what the account is worth.
    """

    names: tuple[str, ...]
    code: NDArray[np.int64]
    cash: Floats
    nav: Floats

    def of_symbols(self) -> tuple[str, ...]:
        """The account of each symbol, length n_symbols."""
        return tuple(self.names[code] for code in self.code.tolist())


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules may look at, for a book's n_symbols symbols; arrays of shape (n_symbols,).

    `price` is in dollars and 0 where a symbol never had one (nothing is held or wanted there); what a
    position is worth follows from `unit_value`, which is price times `multiplier`. `outlay` is the share of
    its value that a position takes from the cash: 1, or the collateral of a perpetual. `rank` is each
    symbol's place in alphabetical order, which settles ties. `traded_today` and `turnover_today` (share of
    NAV) are the orders executed before in the session that this decision's orders are meant for. `most_gross`
    and `most_net` are the limits of the book on what is held, over NAV; infinite where it has none.
    `drawdown` is that of the levels. `groups` numbers the group of each symbol, named in `group_names`.
    `hedged` numbers the bundle of each symbol that is a leg of it and nothing else, 0 of any other; None
    where there is none. `member` says which members of the universe may be opened in this
    session; True where all may. `factors`, `periods` and `protection` are there for rules that ask for them.
    `accounts` is None in a book of one account, `by_hand` where nobody limits anything. The other fields are
    those of the decision's day, mark and facts.
    """

    price: Floats
    max_weight: Floats
    units: Units
    rank: NDArray[np.int64]
    nav: float
    day_return: float
    age: NDArray[np.int64]
    quarantined: Flags
    vix: float
    band: Band | None
    band_floor: float
    entries_allowed: bool
    kill_switch: bool
    standing: Standing
    entering: Entering
    session: date | None = None
    wash_loss: Floats | float = 0.0
    opened_today: Floats | float = 0.0
    day_trades: int = 0
    traded_today: int = 0
    turnover_today: float = 0.0
    margin: Margin = CASH
    most_gross: float = np.inf
    most_net: float = np.inf
    drawdown: float = 0.0
    groups: NDArray[np.int64] | int = 0
    group_names: tuple[str, ...] = ()
    factors: Mapping[str, Floats] = _NOTHING
    periods: PeriodLows = NO_LOSS
    protection: Protection | None = None
    multiplier: Floats | float = 1.0
    outlay: Floats | float = 1.0
    member: Flags | Literal[True] = True
    accounts: AccountFunds | None = None
    hedged: NDArray[np.int16] | None = None
    by_hand: ByHand | None = None

    @property
    def unit_value(self) -> Floats:
        """Dollars of exposure a unit."""
        return unit_value(self.price, self.multiplier)

    def weights(self, quantity: Floats) -> Floats:
        """Signed shares of NAV of some quantities."""
        return quantity * self.unit_value / self.nav

    def gross(self, quantity: Floats) -> float:
        """Absolute dollars of some quantities."""
        return float((np.abs(quantity) * self.unit_value).sum())


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
        return anywhere(self.kept != self.wanted)

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
        return np.abs(self.wanted - self.held) * self.situation.unit_value

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
