"""What a rule of the gate is, and the rules by name."""

from __future__ import annotations

import difflib
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from nightdesk.book import Band, Frozen
from nightdesk.documents import quoting_hint, shortened
from nightdesk.errors import Refused
from nightdesk.panel import Floats
from nightdesk.portfolio.units import Units

#: What a rule may make smaller: additions to positions, positions, or trades of either direction.
Subject = Literal["entries", "positions", "trades"]

Flags = NDArray[np.bool_]


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
        Units that strategies want to add with the confidence that level 1 asks for.
    level_cap, stop_cap : ndarray
        Most units that the cut of a level, or a stop, leaves; infinite where none does.
    fall, stop_at : ndarray
        Loss a unit since the average entry, share of its price, and the loss at which the stop acts; NaN
        where nothing is held or no stop is set.
    size_cap : ndarray
        Most units that a position may grow to in recovery; infinite outside of one.
    leverage_limit : float
        Gross over NAV in recovery; infinite outside of one.
    correlation : ndarray of shape (n_symbols, n_symbols)
        Of returns; NaN where not known.
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
    correlation: Floats

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
            correlation=np.full((n, n), np.nan),
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
        Positions (of a strategy in the symbol) that are left entirely, in a book that ends them by plans.
    """

    confidence: Floats
    opens: NDArray[np.int64]
    open_here: NDArray[np.int64]
    open_positions: int
    cash: float
    costs: Floats
    ends: NDArray[np.int64] | int = 0

    @classmethod
    def nothing(cls, n: int) -> Self:
        """Of `n` symbols in a book that has nothing and opens nothing."""
        none = np.zeros(n, dtype=np.int64)
        return cls(np.zeros(n), none, none, 0, 0.0, np.zeros(n))


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules may look at, for a book's n_symbols symbols; arrays of shape (n_symbols,).

    `price` is in dollars and 0 where a symbol never had one (nothing is held or wanted there). `rank` is each
    symbol's place in alphabetical order, which settles ties. The other fields are those of the decision's
    day, mark and facts.
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

    def weights(self, quantity: Floats) -> Floats:
        """Signed shares of NAV of some quantities."""
        return quantity * self.price / self.nav


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule leaves of what it was asked; arrays of shape (n_symbols,), or one number for all symbols.

    `exempt` marks reductions that nothing after the rule may hold back (stops, levels). `by` marks the
    symbols that another number of the rule has judged, which `by_key` names: the verdict then is of
    ``rule.by_key``, as the book writes it under `limits`.
    """

    after: Floats
    value: Floats | float
    limit: Floats | float
    exempt: Flags | None = None
    by: Flags | None = None
    by_key: str = ""


class Rule(ABC):
    """Base of every rule.

    Attributes
    ----------
    name : str
        Its key under `limits` in a book.
    order : int
        Its place in the gate; tens are the groups of the desk's written order, see `nightdesk.risk`.
    subject : str
        What it may make smaller; the gate refuses a rule that does more.
    always : bool
        Whether it is in every gate, named by the book or not.
    sentence : str
        Format of its reason in words, of `value` and `limit`.
    sentences : mapping of str to str
        The same of verdicts by another of its numbers, see `Ruling.by_key`.
    unmeasured : str
        The reason in words where `value` is NaN.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    subject: ClassVar[Subject]
    always: ClassVar[bool] = False
    sentence: ClassVar[str]
    sentences: ClassVar[Mapping[str, str]] = {}
    unmeasured: ClassVar[str] = "no value to judge by"

    class Params(Frozen):
        """The rule's own numbers, validated; an unknown key is refused."""

    def __init__(self, params: Any) -> None:
        self.params = params

    def concerns(self, situation: Situation) -> bool:
        """Whether there is anything to ask it in this situation; it is left out where not."""
        return True

    @abstractmethod
    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """What is left of the wanted net quantities.

        Parameters
        ----------
        wanted, held : ndarray of shape (n_symbols,)
            Net units wanted (what the rules before left) and held. A trade that is exempt from a rule of
            trades is shown to it as done already: wanted equals held.
        situation : Situation
        """


def without_entries(wanted: Floats, held: Floats) -> Floats:
    """What is wanted, less every addition: nothing grows, nothing changes its sign, reductions stay."""
    kept: Floats = np.minimum(np.maximum(wanted, np.minimum(held, 0.0)), np.maximum(held, 0.0))
    return kept


def cut(wanted: Floats, held: Floats, cap: Floats, situation: Situation) -> tuple[Floats, Flags]:
    """Positions of at most `cap` units (infinite where none holds), in whole units.

    And which of them are sales that the cap asks for, that is of more than it leaves and no turn to the
    other side.
    """
    over = np.abs(wanted) > cap
    after = wanted
    if over.any():
        most = situation.units.toward_zero(np.where(over, cap, 0.0))
        after = np.where(over, np.copysign(most, wanted), wanted)
    return after, (np.abs(held) > cap) & (without_entries(after, held) == after)


_RULES: dict[str, type[Rule]] = {}


def register[R: Rule](cls: type[R]) -> type[R]:
    """Make a rule known under its `name`; for use as a decorator."""
    taken = [one for one in _RULES.values() if one.name == cls.name or one.order == cls.order]
    if taken:
        raise ValueError(
            f"{cls.name} (order {cls.order}) and {taken[0].name} (order {taken[0].order}) collide"
        )
    _RULES[cls.name] = cls
    return cls


def rule_names() -> tuple[str, ...]:
    """Names of all registered rules in the order of the gate."""
    return tuple(sorted(_RULES, key=lambda name: _RULES[name].order))


def rule_class(name: str) -> type[Rule]:
    """The rule registered under `name`; `KeyError` when there is none."""
    return _RULES[name]


def reason_in_words(name: str, value: float, limit: float) -> str:
    """Why a verdict fell, by the rule's name (``rule`` or ``rule.key``) and the numbers it compared."""
    rule, _, key = name.partition(".")
    cls = rule_class(rule)
    if math.isnan(value):
        return cls.unmeasured
    if math.isinf(limit):
        return "it sets no limit here"
    return (cls.sentences[key] if key else cls.sentence).format(value=value, limit=limit)


def make_rules(limits: Mapping[str, Mapping[str, Any]], also: Collection[str] = ()) -> tuple[Rule, ...]:
    """The rules of a book in the order of the gate, with those that are always on and those named in `also`.

    Raises
    ------
    Refused
        When a rule is unknown, or a parameter of it is unknown or impossible, with the path of the key.
    """
    for name in limits:
        if name not in _RULES:
            near = difflib.get_close_matches(name, rule_names(), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(rule_names())}"
            raise Refused(f"limits.{name}: there is no rule of that name; {hint}")
    wanted = [name for name in rule_names() if name in limits or name in also or _RULES[name].always]
    return tuple(_make(_RULES[name], limits.get(name, {})) for name in wanted)


def _make(cls: type[Rule], params: Mapping[str, Any]) -> Rule:
    try:
        return cls(cls.Params.model_validate(dict(params)))
    except ValidationError as error:
        lines = []
        for one in error.errors():
            key = ".".join(["limits", cls.name, *(str(part) for part in one["loc"])])
            if one["type"] == "extra_forbidden":
                known = ", ".join(cls.Params.model_fields) or "no parameters"
                lines.append(f"{key}: unknown key; {cls.name} knows {known}")
            elif one["type"] == "missing":
                lines.append(f"{key}: missing; it must be given")
            else:
                words = f"{one['msg'][0].lower()}{one['msg'][1:]}{quoting_hint(dict(one))}"
                lines.append(f"{key}: found {shortened(one['input'])}; {words}")
        raise Refused("\n".join(lines)) from error
