"""What a rule of the gate is, and the rules by name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.exit_plan import Stop
from nightdesk.core.fields import Frozen
from nightdesk.core.margin import Margin
from nightdesk.core.panel import Floats
from nightdesk.core.plug_in import importing, search
from nightdesk.core.registry import Registry, validated
from nightdesk.risk.distances import VOLATILITY, Distance, RiskMeasures
from nightdesk.risk.situation import Asked, Flags, Situation, anywhere, without_entries

#: What a rule may make smaller: additions to positions, positions, or trades of either direction.
Subject = Literal["entries", "positions", "trades"]

#: What is worked out for a decision only where a rule of the book asks for it: the tax ledger's view, the
#: losses of the week and the month, what is lost where stops are hit.
Input = Literal["taxes", "periods", "stops"]


class Ruling(NamedTuple):
    """What a rule leaves of what it was asked; arrays of shape (n_symbols,), or one number for all symbols.

    `exempt` marks reductions that nothing after the rule may hold back (stops, levels). `by` marks the
    symbols that another number of the rule has judged, which `by_key` names: the verdict then is of
    ``rule.by_key``, as the book writes it under `limits`. Where `accounts` (one a symbol) is given, it is the
    money of that account which has judged them, and the verdict is of ``rule.account``. Where `keys` (one a
    symbol) are given, each of them names what has judged its symbol.
    """

    after: Floats
    value: Floats | float
    limit: Floats | float
    exempt: Flags | None = None
    by: Flags | None = None
    by_key: str = ""
    accounts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit of the whole book that was passed, and what is done about it beside the rule's own verdicts.

    Attributes
    ----------
    rule : str
        Name of the rule.
    event : str
        What the tables of a backtest call it.
    value, limit : float
        What was measured, and what it passed.
    note : str
        The same in a few words, without the numbers.
    words : str
        In a sentence with its numbers.
    kills : bool
        Whether the book is stopped from its next decision on, until a person releases it.
    level : str
        Of the alert that tells people; empty: none, the verdicts say it.
    key : str
        Names the breach among those of its rule, so that it is told once; empty: one of each decision.
    """

    rule: str
    event: str
    value: float
    limit: float
    note: str
    words: str
    kills: bool = False
    level: Literal["", "WARNING", "CRITICAL"] = ""
    key: str = ""


class Rule(ABC):
    """Base of every rule: it owns what it asks for, its verdict, its distance and what a breach of it does.

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
    of_books : bool
        Whether a book may name it and its gate asks it; else the engine speaks in its name, with its words.
    sentence : str
        Format of its reason in words, of `value` and `limit`.
    sentences : mapping of str to str
        The same of verdicts by another of its numbers, see `Ruling.by_key`.
    key_is_words : bool
        Whether the keys of its verdicts are words of people, which their sentences carry: it is shown by its
        name alone.
    per_account : bool
        Whether it holds for the money of each account of a book by itself, see `Ruling.accounts`.
    unmeasured : str
        The reason in words where `value` is NaN.
    inputs, factors : frozenset of Input, tuple of str
        What the decision works out for it alone; the factors that it reads.
    exempts : bool
        Whether its sales pass what comes later, see `Ruling.exempt`.
    brings, replaces : tuple of str
        Rules that come with it, and rules that a book would have by its levels and has not beside it.
    told_as : mapping of str to str
        The line of a report on each of its distances, by their names; `{subject}` is what one is about.
    trade_sessions : int
        Sessions up to the decision whose trades it must know; that of the decision's orders comes on top.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    subject: ClassVar[Subject]
    always: ClassVar[bool] = False
    of_books: ClassVar[bool] = True
    sentence: ClassVar[str]
    sentences: ClassVar[Mapping[str, str]] = {}
    key_is_words: ClassVar[bool] = False
    per_account: ClassVar[bool] = False
    unmeasured: ClassVar[str] = "no value to judge by"
    inputs: ClassVar[frozenset[Input]] = frozenset()
    factors: ClassVar[tuple[str, ...]] = ()
    exempts: ClassVar[bool] = False
    brings: ClassVar[tuple[str, ...]] = ()
    replaces: ClassVar[tuple[str, ...]] = ()
    told_as: ClassVar[Mapping[str, str]] = {}

    class Params(Frozen):
        """The rule's own numbers, validated; an unknown key is refused."""

    def __init__(self, params: Any) -> None:
        self.params = params

    @classmethod
    def words_of(cls, key: str) -> str:
        """Format of its reason in words: `sentence`, or that of another of its numbers."""
        return cls.sentences[key] if key else cls.sentence

    @classmethod
    def shown(cls, key: str) -> str:
        """What people are shown as the name of a verdict's rule."""
        return f"{cls.name}.{key}" if key and not cls.key_is_words else cls.name

    def concerns(self, situation: Situation) -> bool:
        """Whether there is anything to ask it in this situation; it is left out where not."""
        return True

    def idle(self, situation: Situation) -> bool:
        """Whether it changes and exempts nothing in this situation, whatever is wanted; False if not known.

        It is then asked only when somebody reads its numbers.
        """
        return False

    def passes(self, asked: Asked) -> bool:
        """Whether a cheap look shows that `apply` would change and exempt nothing; False if not known.

        It is then applied only when somebody reads its numbers. What is asked are the arguments of `apply`.
        """
        return False

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

    @property
    def trade_sessions(self) -> int:
        """One, where it says nothing else."""
        return 1

    def faults(self, book: Book) -> Iterable[str]:
        """What makes its numbers impossible in this book, a line each with the path of the key."""
        return ()

    def most_gross(self, margin: Margin) -> float:
        """Gross exposure over NAV within which it keeps purchases; infinite where it does not."""
        return math.inf

    def most_net(self, margin: Margin) -> float:
        """The same of net exposure, absolute."""
        return math.inf

    def stops(self, book: Book) -> Mapping[str, Stop]:
        """The stops that it gives the book's symbols; none by default."""
        return {}

    def distances(self, measured: RiskMeasures) -> Iterable[Distance]:
        """How far the book is from its limit; nothing where that is no number."""
        return ()

    def figures(self, factors: Mapping[str, Floats]) -> Mapping[str, Floats]:
        """What people see of it beside each symbol's target, by name; nothing by default.

        The factors are those of the decision, by name and of shape (n_symbols,), and so are the figures; NaN
        where one is not known.
        """
        return {}

    @property
    def shows_figures(self) -> bool:
        """Whether it shows any figures."""
        return type(self).figures is not Rule.figures

    def breach(self, held: Floats, situation: Situation) -> Breach | None:
        """What is done, beside its verdicts, about a limit of the whole book that was passed."""
        return None


def cut(wanted: Floats, held: Floats, cap: Floats, situation: Situation) -> tuple[Floats, Flags]:
    """Positions of at most `cap` units (infinite where none holds), in whole units.

    And which of them are sales that the cap asks for, that is of more than it leaves and no turn to the
    other side.
    """
    over = np.abs(wanted) > cap
    after = wanted
    if anywhere(over):
        most = situation.units.toward_zero(np.where(over, cap, 0.0))
        after = np.where(over, np.copysign(most, wanted), wanted)
    return after, (np.abs(held) > cap) & (without_entries(after, held) == after)


def exempted(rules: Iterable[Rule], quantity: Floats, held: Floats, situation: Situation) -> Flags:
    """Which reductions to what the gate let through no limit on trades counts; shape (n_symbols,)."""
    exempt: Flags = np.zeros(len(quantity), dtype=np.bool_)
    asked = Asked(quantity, held, situation)
    for rule in (one for one in rules if one.exempts):
        if rule.concerns(situation) and not rule.idle(situation) and not rule.passes(asked):
            flags = rule.apply(quantity, held, situation).exempt
            exempt = exempt if flags is None else exempt | flags
    return exempt


RULES: Registry[type[Rule]] = Registry("rule")


def register[R: Rule](cls: type[R]) -> type[R]:
    """Make a rule known under its `name`; for use as a decorator.

    Raises
    ------
    Refused
        When a user's rule has a place in the gate that another has, or is to be in every gate: which books
        have it is theirs to say.
    """
    plug_in = importing()
    if plug_in is not None:
        plug_in.undo.append(_sentences.cache_clear)
        if cls.always:
            raise Refused(
                f"rule {cls.name} is `always` in the gate: let books name it under `limits` instead"
            )
    taken = next((one for one in RULES if one.order == cls.order and one.name != cls.name), None)
    if taken is not None:
        raise Refused(
            f"rule {cls.name} has the place {cls.order} in the gate, which {taken.name} of "
            f"{RULES.place(taken.name)} has: choose another number"
        )
    RULES.add(cls.name, cls)
    return cls


def rule_names() -> tuple[str, ...]:
    """Names of all registered rules that a gate asks, in its order."""
    return tuple(one.name for one in sorted(RULES, key=lambda one: one.order) if one.of_books)


def rule_class(name: str) -> type[Rule]:
    """The rule registered under `name`; `Refused` when there is none."""
    return RULES.find(name)


def distance_words(name: str) -> str:
    """The line of a report on a distance of this name, with a place for its `{subject}`."""
    if name == VOLATILITY:
        return "Volatility a year, up to the target"
    words = _told_as(name)
    if words is None:
        search()
        words = _told_as(name)
    return f"{name.replace('_', ' ')} {{subject}}" if words is None else words


def _told_as(name: str) -> str | None:
    return next((rule.told_as[name] for rule in RULES if name in rule.told_as), None)


def reason_in_words(name: str, value: float, limit: float) -> str:
    """Why a verdict fell, by the rule's name (``rule`` or ``rule.key``) and the numbers it compared.

    A rule that is gone, a user's whose file was taken away, leaves its numbers alone.
    """
    try:
        told, unmeasured = _sentences(name)
    except (Refused, KeyError):
        return f"{value:g} against {limit:g}, by a rule {name} that is not there any more"
    if math.isnan(value):
        return unmeasured
    if math.isinf(limit):
        return "it sets no limit here"
    return told(value=value, limit=limit)


def rule_shown(name: str) -> str:
    """The rule of a verdict (``rule`` or ``rule.key``) as people are shown it."""
    rule, _, key = name.partition(".")
    try:
        return rule_class(rule).shown(key)
    except Refused:  # a user's rule whose file was taken away
        return name


@cache
def _sentences(name: str) -> tuple[Callable[..., str], str]:
    """How a rule (or one of its keys) tells two numbers, and what it says without the first."""
    rule, _, key = name.partition(".")
    cls = rule_class(rule)
    if cls.per_account and key and key not in cls.sentences:
        return f"{cls.sentence}, in account {key}".format, cls.unmeasured
    return cls.words_of(key).format, cls.unmeasured


def make_rules(limits: Mapping[str, Mapping[str, Any]], also: Collection[str] = ()) -> tuple[Rule, ...]:
    """The rules of a book in the order of the gate, with those that are always on and those named in `also`.

    Raises
    ------
    Refused
        When a rule is unknown, or a parameter of it is unknown or impossible, with the path of the key.
    """
    for name in limits:
        if not RULES.find(name, f"limits.{name}").of_books:
            raise Refused(f"limits.{name}: it is in the gate of every book that it concerns: leave it out")
    named = [rule_class(name) for name in limits]
    more = {*also, *(one for rule in named for one in rule.brings)}
    more -= {one for rule in named for one in rule.replaces}
    rules = [rule_class(name) for name in rule_names()]
    return tuple(
        one(validated(one.Params, limits.get(one.name, {}), owner=one.name, where=f"limits.{one.name}"))
        for one in rules
        if one.name in limits or one.name in more or one.always
    )
