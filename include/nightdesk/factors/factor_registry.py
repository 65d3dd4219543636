"""The families of factors by name, and how a name becomes a factor.

A family has a pattern such as ``sma_{n}``; a name that fits one (``sma_200``) is a factor. ``@k`` after a
name means the value of k periods before. A period is a session, or with ``h:`` before the name
(``h:sma_200@1``) an hour of the exchange's clock.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats

Compute = Callable[..., Floats]

#: What stands for a brace in a family's pattern. No leading zeros, so that a factor has one name.
_TOKENS = {
    "n": r"[1-9][0-9]{0,3}",
    "months": r"[1-9][0-9]?",
    "skip": r"[1-9][0-9]?",
    "width": r"[1-9](?:\.[0-9]*[1-9])?",
    "percent": r"(?!00)[0-9]{2}",
    "base": r".+",
    "call": r".+",
}
_NUMBERS: dict[str, Callable[[str], Any]] = {
    "n": int,
    "months": int,
    "skip": int,
    "width": float,
    "percent": int,
    "base": str,
    "call": str,
}
#: What stands before the name of a factor over hourly bars.
HOURLY = "h:"
_LAG = re.compile(r"(?P<base>.+)@(?P<k>[1-9][0-9]{0,2})")


class Lagging(Protocol):
    """What factors are computed from: it gives the values of one some sessions before."""

    def lagged(self, name: str, k: int) -> Floats:
        """Values of a factor `k` sessions before, shape (n_sessions, n_columns); NaN at the start."""


@dataclass(frozen=True)
class Factor:
    """One factor, ready to be computed.

    Attributes
    ----------
    name : str
        As it was asked for.
    look_back : int
        Periods with bars, this one included, that a dependable value needs: the window, or for a recursive
        average as many as make it forget its start to 1e-9.
    compute : callable
        A `nightdesk.factors.compute.Source` to ndarray of shape (n_periods, n_columns), NaN where the value
        is missing.
    hourly : bool
        Whether a period is an hour; else it is a session.
    """

    name: str
    look_back: int
    compute: Callable[[Lagging], Floats]
    hourly: bool = False


@dataclass(frozen=True)
class Family:
    """Factors that differ in their numbers only."""

    pattern: str
    regex: re.Pattern[str]
    compute: Compute
    look_back: Callable[..., int]
    check: Callable[..., str | None]


_FAMILIES: dict[str, Family] = {}


def factor(
    pattern: str, *, look_back: Callable[..., int], check: Callable[..., str | None] = lambda **_: None
) -> Callable[[Compute], Compute]:
    """Register a family of factors; for use as a decorator of its pure function.

    Parameters
    ----------
    pattern : str
        The name, with the function's own parameters in braces.
    look_back : callable
        The parameters to the sessions that a dependable value needs, today included.
    check : callable, optional
        The parameters to what is wrong with them, or None.
    """
    parts = re.split(r"\{(\w+)\}", pattern)
    regex = "".join(
        f"(?P<{part}>{_TOKENS[part]})" if at % 2 else re.escape(part) for at, part in enumerate(parts)
    )

    def enter(compute: Compute) -> Compute:
        if pattern in _FAMILIES:
            raise ValueError(f"two families of factors have the pattern {pattern}")
        _FAMILIES[pattern] = Family(pattern, re.compile(regex), compute, look_back, check)
        return compute

    return enter


def families() -> tuple[str, ...]:
    """Patterns of all registered families, sorted."""
    return tuple(sorted(_FAMILIES))


def described(pattern: str) -> str:
    """What a family of this pattern is, as its function's docstring says."""
    return inspect.getdoc(_FAMILIES[pattern].compute) or ""


@lru_cache(maxsize=1024)
def resolve(name: str) -> Factor:
    """The factor of a name.

    Raises
    ------
    Refused
        When no family knows the name or its numbers are impossible; names the nearest ones.
    """
    if name.startswith(HOURLY):
        own = resolve(name.removeprefix(HOURLY))
        if own.hourly:
            raise Refused(f"factor {name!r}: {HOURLY} stands before a name once")
        return Factor(name, own.look_back, own.compute, hourly=True)
    lag = _LAG.fullmatch(name)
    if lag is not None:
        base, k = resolve(lag["base"]), int(lag["k"])
        return Factor(name, base.look_back + k, lambda source: source.lagged(base.name, k))
    for family in _FAMILIES.values():
        match = family.regex.fullmatch(name)
        if match is None:
            continue
        numbers = {key: _NUMBERS[key](text) for key, text in match.groupdict().items()}
        wrong = family.check(**numbers)
        if wrong is not None:
            raise Refused(f"factor {name!r}: {wrong}")
        return _bound(name, family, numbers)
    raise Refused(f"there is no factor {name!r}; {_suggestion(name)}")


def _bound(name: str, family: Family, numbers: dict[str, Any]) -> Factor:
    return Factor(name, family.look_back(**numbers), lambda source: family.compute(source, **numbers))


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(re.sub(r"\d+", "{n}", name), _FAMILIES, n=3, cutoff=0.5)
    known = ", ".join(near) if near else ", ".join(families())
    return f"{'near ones' if near else 'known'} are {known} (a number for each brace)"
