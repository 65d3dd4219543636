"""Conditions as people write them: ``rsi_14 < 30 and close > sma_200``, read safely and computed on arrays.

Nothing of such a text is run as Python: its operands are cut out first, the rest is parsed and only what is
listed here is understood. All of it is elementwise, so row t of a condition depends on row t alone.

========== ==========================================================================================
operands   any factor (``rsi_14@1``, ``h:sma_20``, ``ta.supertrend(7,3)``, ``mean_20_of(rsi_14)``), the bar
           (``close``, ``open``, ``high``, ``low``, ``volume``), ``vix``, numbers
arithmetic ``+ - * /``, ``abs(a)``, ``min(a, b)``, ``max(a, b)``
comparison ``< <= > >=``, also ``30 < rsi_14 < 70``; ``crosses_above(a, b)``, ``crosses_below(a, b)``: this
           period on the other side of what it was on, or at, one period before
logic      ``and``, ``or``, ``not``, parentheses
========== ==========================================================================================

A condition that lacks one of its values, or divides by zero, is not known: it neither holds nor fails, and
its opposite does not hold either. Numbers that differ by rounding alone are equal, see `comparing`.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.factors import resolve
from nightdesk.strategies.comparing import Flags, above, at_most, below
from nightdesk.strategies.strategy import BAR, CLOSE, View

Value = Callable[[str], Floats]
#: The value of an expression; numbers are arrays or, where they are written out, floats.
Number = Callable[[Value], Floats | float]
#: Where a condition holds, and where it is known whether it does.
Truth = Callable[[Value], tuple[Flags, Flags]]

VIX = "vix"

#: A text longer than this is no condition that a person reads.
MOST_CHARACTERS = 1000

#: Sums of sums nest no deeper than this.
DEEPEST = 50

_OPERAND = re.compile(
    r"(?<![\w.@])(?:h:)?(?:ta\.[a-z_][a-z0-9_]*\s*\([^()]*\)(?:\.[A-Za-z][\w.%]*)?|[A-Za-z_]\w*(?:\.\d+)?)"
    r"(?:\s*@\s*-?\w*)?"
)
#: Ends the name of a factor of a factor, such as ``mean_20_of``, which goes on to its last parenthesis.
_OF_FACTOR = re.compile(r"(?<=_of)\s*\(")
_LAG = re.compile(r"\s*@\s*-?\w*")
_WORDS = frozenset({"and", "or", "not"})
_CROSSINGS = {"crosses_above": (above, at_most), "crosses_below": (below, lambda a, b: at_most(b, a))}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Flags]] = {
    ast.Gt: above,
    ast.Lt: below,
    ast.GtE: lambda first, second: at_most(second, first),
    ast.LtE: at_most,
}
_FUNCTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
}
_PRICES = frozenset(BAR) - {"volume"}
#: Factors that are levels of adjusted prices, or means of them.
_ON_ADJUSTED_PRICES = re.compile(r"(?:h:)?(?:(?:mean_\d+_of\()*ta\.|(?:mean_\d+_of\()+adjusted_close)")


@dataclass(frozen=True)
class Expression:
    """A text that was read.

    Attributes
    ----------
    text : str
        As it was written, its blanks made one.
    operands : tuple of str
        What it looks at, in the order of the text: factors, fields of the bar, ``vix``.
    """

    text: str
    operands: tuple[str, ...]

    @property
    def factors(self) -> tuple[str, ...]:
        """Those of its operands that are factors."""
        return tuple(name for name in self.operands if name not in BAR and name != VIX)


@dataclass(frozen=True)
class WrittenCondition(Expression):
    """A condition that was read.

    `truth` takes a function of a name to its values, each of shape (n_sessions, n_symbols) or
    (n_sessions, 1), to where the condition holds and where it is known whether it does: arrays of the shape
    that they broadcast to.
    """

    truth: Truth


@dataclass(frozen=True)
class WrittenNumber(Expression):
    """A number that was read; `value` takes the same function to its values, not finite where not known."""

    value: Number


def condition(text: str) -> WrittenCondition:
    """Read a condition.

    Raises
    ------
    Refused
        When it cannot be read, names what is no factor, looks into tomorrow, divides by a zero that is
        written out, compares prices of two scales, or is a number instead; it says what and where.
    """
    reader = _Reader(text)
    truth = reader.truth(reader.tree)
    return WrittenCondition(reader.text, tuple(reader.names), truth)


def amount(text: str) -> WrittenNumber:
    """Read an expression whose value is a number; raises as `condition`."""
    reader = _Reader(text)
    value = reader.number(reader.tree)
    return WrittenNumber(reader.text, tuple(reader.names), value)


def operand_values(view: View, name: str) -> Floats:
    """The values of an operand, of shape (n_sessions, n_symbols)."""
    if name == VIX:
        return np.broadcast_to(view.vix[:, None], view.close.shape)
    bar_or_factor: Floats = getattr(view, name) if name in BAR else view.factors[name]
    return bar_or_factor


class _Reader:
    """One text being read: its operands, and the tree of the rest."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        self.names: dict[str, None] = {}
        self._operands: list[str] = []
        if not self.text:
            raise Refused("it is empty; write a condition such as rsi_14 < 30 and close > sma_200")
        if len(self.text) > MOST_CHARACTERS:
            raise Refused(
                f"it has {len(self.text)} characters, and {MOST_CHARACTERS} are the most: cut it into several"
            )
        stripped = self._stripped()
        try:
            self.tree = ast.parse(stripped, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Refused(f"{self.text!r} cannot be read{self._where(stripped, error)}") from error
        _refuse_deep(self.text, self.tree)

    def _stripped(self) -> str:
        """The text with a placeholder for each operand, as long as it where that is possible."""
        out, at = "", 0
        while match := _OPERAND.search(self.text, at):
            end = match.end()
            if _OF_FACTOR.match(self.text, end):
                end = self._end_of_nested(end)
            out += self.text[at : match.start()] + self._placed(self.text[match.start() : end], end)
            at = end
        return out + self.text[at:]

    def _end_of_nested(self, begin: int) -> int:
        """Behind the parenthesis that closes the first one from `begin` on, and a lag behind that."""
        depth = 0
        for at in range(begin, len(self.text)):
            depth += (self.text[at] == "(") - (self.text[at] == ")")
            if depth == 0 and self.text[at] == ")":
                lag = _LAG.match(self.text, at + 1)
                return lag.end() if lag else at + 1
        raise Refused(f"{self.text[begin:]!r}: its parentheses do not match")

    def _placed(self, written: str, end: int) -> str:
        """What stands for an operand that ends at `end`; words and functions stand for themselves."""
        name = re.sub(r"\s+", "", written)
        called = self.text[end:].lstrip().startswith("(")
        if name in _WORDS or (called and (name in _FUNCTIONS or name in _CROSSINGS)):
            return written
        if called:
            known = ", ".join([*_FUNCTIONS, *_CROSSINGS])
            raise Refused(
                f"{name}(…): there is no such function; there are {known}, ta.NAME(numbers), and factors of "
                "factors such as mean_20_of(rsi_14)"
            )
        self._operands.append(name)
        return f"_{len(self._operands) - 1}".ljust(len(written))

    def _where(self, stripped: str, error: Exception) -> str:
        """Before what a text cannot be read."""
        at = getattr(error, "offset", None)
        rest = stripped[at - 1 :].split() if at else []
        if not rest:
            return ": something is missing at its end"
        return f" from {self._shown(rest[0])!r} on, at character {at}"

    def _shown(self, word: str) -> str:
        found = re.fullmatch(r"_(\d+)", word)
        return self._operands[int(found[1])] if found else word

    def truth(self, node: ast.expr) -> Truth:
        """A part of the text as a condition."""
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.truth(one) for one in values]
                return _joined(parts, np.logical_and if isinstance(op, ast.And) else np.logical_or)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _opposite(self.truth(operand))
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [left, *others]
                _refuse_two_scales(self, node, sides)
                pairs = zip(ops, sides, others, strict=False)
                parts = [self._compared(op, one, other) for op, one, other in pairs]
                return parts[0] if len(parts) == 1 else _joined(parts, np.logical_and)
            case ast.Call(func=ast.Name(id=name), args=args) if name in _CROSSINGS:
                return self._crossing(name, args, len(node.keywords))
        raise Refused(f"{self._part(node)} is a number, and a condition is wanted: compare it with something")

    def number(self, node: ast.expr) -> Number:
        """A part of the text as a number."""
        match node:
            case ast.Constant(value=bool() | complex() | str() | bytes() | None):
                pass
            case ast.Constant(value=int() | float() as value):
                return lambda _: float(value)
            case ast.Name(id=name) if name.startswith("_"):
                return self._operand(self._operands[int(name[1:])])
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.number(operand)
                return lambda value: np.negative(inner(value))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                if isinstance(op, ast.Div) and isinstance(right, ast.Constant) and right.value == 0:
                    raise Refused(f"{self._part(node)} divides by zero")
                _refuse_two_scales(self, node, [left, right])
                return _computed(_ARITHMETIC[type(op)], [self.number(left), self.number(right)])
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                wanted, function = _FUNCTIONS[name]
                if len(args) != wanted:
                    raise Refused(f"{self._part(node)}: {name} takes {wanted} values, and has {len(args)}")
                return _computed(function, [self.number(one) for one in args])
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                raise Refused(f"{self._part(node)} is a condition, and a number is wanted")
        raise Refused(
            f"{self._part(node)} is not understood: there are factors, fields of the bar, vix, numbers, "
            f"+ - * /, {', '.join(_FUNCTIONS)}, {', '.join(_CROSSINGS)}, < <= > >=, and, or, not"
        )

    def _operand(self, name: str) -> Number:
        if name not in BAR and name != VIX:
            _refuse_no_factor(name)
        self.names[name] = None
        return lambda value: value(name)

    def _compared(self, op: ast.cmpop, one: ast.expr, other: ast.expr) -> Truth:
        if type(op) not in _COMPARISONS:
            raise Refused(
                f"{self.text!r}: numbers are compared by < <= > >= alone; two prices are hardly ever equal"
            )
        compare, first, second = _COMPARISONS[type(op)], self.number(one), self.number(other)

        def truth(value: Value) -> tuple[Flags, Flags]:
            left, right = first(value), second(value)
            known = np.isfinite(left) & np.isfinite(right)
            with np.errstate(invalid="ignore"):  # of infinities: not known, and masked
                return compare(left, right) & known, known

        return truth

    def _crossing(self, name: str, args: Sequence[ast.expr], keywords: int) -> Truth:
        """Whether the first is on that side of the second now, and was not one period before."""
        if len(args) != 2 or keywords:
            raise Refused(f"{name} takes two values, such as {name}(sma_20, sma_50)")
        now = [self.number(one) for one in args]
        before = [self._before(name, one) for one in args]
        beyond, not_beyond = _CROSSINGS[name]

        def truth(value: Value) -> tuple[Flags, Flags]:
            (a, b), (was_a, was_b) = ([one(value) for one in pair] for pair in (now, before))
            known = np.isfinite(a) & np.isfinite(b) & np.isfinite(was_a) & np.isfinite(was_b)
            return np.asarray(beyond(a, b) & not_beyond(was_a, was_b) & known), known

        return truth

    def _before(self, name: str, node: ast.expr) -> Number:
        """The value of a crossing's side one period before."""
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name(id=at) if at.startswith("_"):
                operand = self._operands[int(at[1:])]
                if operand not in BAR and operand != VIX and not re.search(r"@\d+$", operand):
                    return self._operand(f"{operand}@1")
        raise Refused(
            f"{name}: {self._part(node)} has no value of the period before; its sides are factors and "
            "numbers (adjusted_close for the close)"
        )

    def _part(self, node: ast.expr) -> str:
        """A part of the text, as it was written."""
        text = ast.unparse(node)
        return repr(re.sub(r"\b_\d+\b", lambda found: self._shown(found[0]), text))


def _joined(parts: Sequence[Truth], how: Callable[[Any, Any], Flags]) -> Truth:
    """Several conditions as one, which is known where all of them are."""

    def truth(value: Value) -> tuple[Flags, Flags]:
        found = [part(value) for part in parts]
        known = reduce(np.logical_and, [one for _, one in found])
        return reduce(how, [one for one, _ in found]) & known, known

    return truth


def _opposite(part: Truth) -> Truth:
    def truth(value: Value) -> tuple[Flags, Flags]:
        holds, known = part(value)
        return ~holds & known, known

    return truth


def _computed(function: Callable[..., Any], parts: Sequence[Number]) -> Number:
    def number(value: Value) -> Floats | float:
        values = [part(value) for part in parts]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # what comes of it is not known
            found: Floats | float = function(*values)
        return found

    return number


def _refuse_deep(text: str, tree: ast.expr) -> None:
    """Refuse a text that nests too deep to be read, by people too."""
    layer: list[ast.AST] = [tree]
    depth = 0
    while layer:
        layer, depth = [child for node in layer for child in ast.iter_child_nodes(node)], depth + 1
        if depth > DEEPEST:
            raise Refused(f"{text[:60]!r}… nests deeper than {DEEPEST}: cut it into several conditions")


def _refuse_no_factor(name: str) -> None:
    """Refuse a name that is no factor, with what is meant perhaps."""
    inner = re.fullmatch(r"(?:h:)?\w+_of\((.*)\)(?:@(.*))?", name)
    if inner:
        if inner[1] in _PRICES:
            raise Refused(
                f"{name}: {inner[1]} is in raw dollars of its own session, which a split parts; "
                "write adjusted_close"
            )
        _refuse_no_factor(inner[1])
        base, at, lag = name.rpartition("@") if inner[2] is not None else (name, "", "")
    else:
        base, at, lag = name.partition("@")
    if at and lag.startswith("-"):
        raise Refused(f"{name} looks into tomorrow: a condition sees its own session and those before it")
    if at and base.removeprefix("h:") in {*BAR, VIX}:
        hint = "; of the close write adjusted_close" + name[len(base) :] if base == CLOSE else ""
        raise Refused(
            f"{name}: {base} is seen of the decision's own bar alone; earlier ones are factors{hint}"
        )
    if at and not re.fullmatch(r"[1-9]\d{0,2}", lag):
        raise Refused(f"{name}: behind the @ stands how many periods before, a whole number from 1 to 999")
    resolve(name)


def _refuse_two_scales(reader: _Reader, node: ast.expr, sides: Sequence[ast.expr]) -> None:
    """Refuse prices of the bar beside pandas-ta's levels: those are on adjusted dollars, raw ones are not."""
    names = [
        reader._operands[int(one.id[1:])]
        for side in sides
        for one in ast.walk(side)
        if isinstance(one, ast.Name) and re.fullmatch(r"_\d+", one.id)
    ]
    raw = next((one for one in names if one in _PRICES), None)
    adjusted = next((one for one in names if _ON_ADJUSTED_PRICES.match(one)), None)
    if raw and adjusted:
        raise Refused(
            f"{reader._part(node)}: {adjusted} is computed on adjusted prices, and {raw} is in raw dollars; "
            "write adjusted_close in its place"
        )
