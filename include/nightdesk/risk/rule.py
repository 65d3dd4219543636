"""What a rule of the gate is, and the rules by name."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from nightdesk.book import Band, Frozen
from nightdesk.errors import Refused
from nightdesk.panel import Floats
from nightdesk.portfolio.units import Units

#: What a rule may make smaller: additions to positions, positions, or trades of either direction.
Subject = Literal["entries", "positions", "trades"]

Flags = NDArray[np.bool_]


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

    def weights(self, quantity: Floats) -> Floats:
        """Signed shares of NAV of some quantities."""
        return quantity * self.price / self.nav


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule leaves of what it was asked; arrays of shape (n_symbols,), or one number for all symbols.

    `exempt` marks reductions that nothing after the rule may hold back (stops, levels).
    """

    after: Floats
    value: Floats | float
    limit: Floats | float
    exempt: Flags | None = None


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
    """

    name: ClassVar[str]
    order: ClassVar[int]
    subject: ClassVar[Subject]
    always: ClassVar[bool] = False
    sentence: ClassVar[str]

    class Params(Frozen):
        """The rule's own numbers, validated; an unknown key is refused."""

    def __init__(self, params: Any) -> None:
        self.params = params

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


def make_rules(limits: Mapping[str, Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules of a book in the order of the gate, with those that are always on.

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
    wanted = [name for name in rule_names() if name in limits or _RULES[name].always]
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
                lines.append(f"{key}: found {one['input']!r}; {one['msg'][0].lower()}{one['msg'][1:]}")
        raise Refused("\n".join(lines)) from error
