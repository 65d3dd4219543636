"""The families of factors by name, and how a name becomes a factor.

A family has a pattern such as ``sma_{n}``; a name that fits one (``sma_200``) is a factor. ``@k`` after a
name means the value of k periods before. A period is a session, or with ``h:`` before the name
(``h:sma_200@1``) an hour of the exchange's clock. A factor of a factor names that in its own name
(``rank_momentum_60``, ``zscore_252_of(volatility_20@1)``), and is of the same clock.
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
from nightdesk.core.plug_in import PlugIn, importing, search
from nightdesk.core.registry import Registry

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
    "series": r"[A-Z0-9][A-Z0-9_]*",
}
_NUMBERS: dict[str, Callable[[str], Any]] = {
    "n": int,
    "months": int,
    "skip": int,
    "width": float,
    "percent": int,
    "base": str,
    "call": str,
    "series": str,
}
#: What stands before the name of a factor over hourly bars.
HOURLY = "h:"
_LAG = re.compile(r"(?P<base>.+)@(?P<k>[1-9][0-9]{0,2})")
#: Factors of factors nest no deeper than this.
DEEPEST = 8


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
    by_column : bool
        Whether a column's values depend on that column (and the benchmark) alone.
    """

    name: str
    look_back: int
    compute: Callable[[Lagging], Floats]
    hourly: bool = False
    by_column: bool = False


@dataclass(frozen=True)
class Family:
    """Factors that differ in their numbers only."""

    pattern: str
    regex: re.Pattern[str]
    compute: Compute
    look_back: Callable[..., int]
    check: Callable[..., str | None]
    by_column: bool = False


FAMILIES: Registry[Family] = Registry("factor")
#: A number for each brace, to see whether a name can belong to two families.
_EXAMPLES = {
    "n": "20",
    "months": "12",
    "skip": "1",
    "width": "2",
    "percent": "05",
    "base": "close_20",
    "call": "call(20)",
    "series": "DGS10",
}


def factor(
    pattern: str,
    *,
    look_back: Callable[..., int],
    check: Callable[..., str | None] = lambda **_: None,
    by_column: bool = False,
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
    by_column : bool, optional
        Say so where the values of a column depend on the bars of that column, and on the benchmark's returns
        by `Source.market`, alone: a wide panel is then computed some columns at a time, in less memory and
        time. The source has those columns only. A factor of a factor says so where it adds no other column to
        that one: it is by column where that is.
    """
    regex = _regex_of(pattern)

    def enter(compute: Compute) -> Compute:
        plug_in = importing()
        if plug_in is not None:
            _refuse_overlap(pattern, regex)
            plug_in.undo.append(resolve.cache_clear)
        FAMILIES.add(pattern, Family(pattern, regex, compute, look_back, check, by_column))
        return compute

    return enter


def _regex_of(pattern: str) -> re.Pattern[str]:
    if not re.fullmatch(r"[^@:]+", pattern):
        raise Refused(f"factor {pattern!r}: a name has no @ and no :, which stand for a lag and for hours")
    parts = re.split(r"\{(\w+)\}", pattern)
    for part in parts[1::2]:
        if part not in _TOKENS:
            raise Refused(
                f"factor {pattern!r}: {{{part}}} is no number that a name holds: take {', '.join(_TOKENS)}"
            )
    return re.compile(
        "".join(
            f"(?P<{part}>{_TOKENS[part]})" if at % 2 else re.escape(part) for at, part in enumerate(parts)
        )
    )


def _refuse_overlap(pattern: str, regex: re.Pattern[str]) -> None:
    """Refuse a pattern whose names another family has, or that has names of one."""
    for other in FAMILIES:
        shared = [
            name
            for name, fits in ((pattern, other.regex), (other.pattern, regex))
            if pattern != other.pattern and fits.fullmatch(name.format_map(_EXAMPLES))
        ]
        if shared:
            raise Refused(
                f"factors {pattern} have names of the family {other.pattern}, which is of "
                f"{FAMILIES.place(other.pattern)}: choose another beginning"
            )


def families() -> tuple[str, ...]:
    """Patterns of all registered families, sorted."""
    return FAMILIES.names()


def plug_ins_of(name: str) -> frozenset[PlugIn]:
    """The user's files and packages that a factor is from, those of the factor in its name included.

    Raises
    ------
    Refused
        As `resolve`.
    """
    family, parts = _parts(name)
    own, base = FAMILIES.source(family.pattern), parts.get("base")
    return frozenset([own] if own else []) | (plug_ins_of(base) if base else frozenset())


def column_factors(name: str) -> frozenset[str]:
    """The factors by column that a factor of sessions is made of: itself, or those that its name names."""
    if resolve(name).by_column:
        return frozenset([name])
    base = _parts(name)[1].get("base")
    return column_factors(base) if base else frozenset()


def innermost(name: str) -> tuple[Family, dict[str, Any]]:
    """The family that a factor is made from after all, and what its name holds: of a rank that of the ranked.

    Raises
    ------
    Refused
        As `resolve`.
    """
    family, parts = _parts(name)
    return innermost(parts["base"]) if parts.get("base") else (family, parts)


def _parts(name: str) -> tuple[Family, dict[str, Any]]:
    """The family of a name, whatever clock and lag it has, and what stands in its pattern's braces."""
    plain = name.removeprefix(HOURLY)
    while lag := _LAG.fullmatch(plain):
        plain = lag["base"]
    family = _family(plain)
    match = family.regex.fullmatch(plain)
    return family, match.groupdict() if match else {}


def described(pattern: str) -> str:
    """What a family of this pattern is, as its function's docstring says."""
    return inspect.getdoc(FAMILIES.find(pattern).compute) or ""


@lru_cache(maxsize=1024)
def resolve(name: str) -> Factor:
    """The factor of a name.

    Raises
    ------
    Refused
        When no family knows the name or its numbers are impossible; names the nearest ones.
    """
    _refuse_nesting(name)
    if name.startswith(HOURLY):
        own = resolve(name.removeprefix(HOURLY))
        if own.hourly:
            raise Refused(f"factor {name!r}: {HOURLY} stands before a name once")
        return Factor(name, own.look_back, own.compute, hourly=True, by_column=own.by_column)
    lag = _LAG.fullmatch(name)
    if lag is not None:
        base, k = resolve(lag["base"]), int(lag["k"])
        return Factor(
            name,
            base.look_back + k,
            lambda source: source.lagged(base.name, k),
            by_column=base.by_column,
        )
    family = _family(name)
    match = family.regex.fullmatch(name)
    numbers = {key: _NUMBERS[key](text) for key, text in (match.groupdict() if match else {}).items()}
    if "base" in numbers and resolve(numbers["base"]).hourly:
        raise Refused(
            f"factor {name!r}: {HOURLY} stands before the whole name, as {HOURLY}"
            f"{name.replace(HOURLY, '')}: a factor and what it is made of are of one clock"
        )
    wrong = family.check(**numbers)
    if wrong is not None:
        raise Refused(f"factor {name!r}: {wrong}")
    return _bound(name, family, numbers)


def _refuse_nesting(name: str) -> None:
    """Refuse parentheses that do not close one another, or nest too deep to be read by people."""
    depth = deepest = 0
    for one in name:
        depth += (one == "(") - (one == ")")
        deepest = max(deepest, depth)
        if depth < 0:
            break
    if depth != 0:
        raise Refused(
            f"factor {name!r}: its parentheses do not match; write it as mean_20_of(rsi_14), or "
            "zscore_252_of(std_20_of(momentum_1))"
        )
    if deepest > DEEPEST:
        raise Refused(f"factor {name!r}: it nests {deepest} factors, and {DEEPEST} are the most")


def _family(name: str) -> Family:
    """The family that a name without a lag belongs to; the package's own come first."""
    found: list[Family] = _fitting(name)
    looked: tuple[str, ...] = ()
    if not found:
        looked = tuple(search())
        found = _fitting(name)
    if not found:
        raise Refused("; ".join((f"there is no factor {name!r}; {_suggestion(name)}", *looked)))
    for one in found:
        FAMILIES.refuse_contested(one.pattern, f"factor {name!r}")
    if len(found) > 1 and FAMILIES.source(found[0].pattern) is not None:
        places = " and ".join(f"{one.pattern} of {FAMILIES.place(one.pattern)}" for one in found)
        raise Refused(f"factor {name!r} is of two families, {places}: rename one")
    return found[0]


def _fitting(name: str) -> list[Family]:
    return [one for one in FAMILIES if one.regex.fullmatch(name)]


def _bound(name: str, family: Family, numbers: dict[str, Any]) -> Factor:
    return Factor(
        name,
        family.look_back(**numbers),
        lambda source: family.compute(source, **numbers),
        by_column=family.by_column and ("base" not in numbers or resolve(numbers["base"]).by_column),
    )


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(re.sub(r"\d+", "{n}", name), families(), n=3, cutoff=0.5)
    known = ", ".join(near) if near else ", ".join(families())
    return f"{'near ones' if near else 'known'} are {known} (a number for each brace)"
