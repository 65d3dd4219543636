"""Statement boundaries: the moments between two statements, found by watching functions while they run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

_TOOL = sys.monitoring.PROFILER_ID
_SHOWN = 72

_BLOCKS = (
    ast.With, ast.For, ast.While, ast.If, ast.Try, ast.ExceptHandler, ast.Match, ast.FunctionDef,
)  # fmt: skip


@dataclass(frozen=True)
class Boundary:
    """The moment before a statement.

    Attributes
    ----------
    function : str
        Whose statement it is.
    statement : str
        Its first words, after "end of" where a block is left that begins with them.
    line : int
        Where it begins.
    caller : str
        The watched function that has called this one, where it serves several; else empty.
    """

    function: str
    statement: str
    line: int
    caller: str

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.function}: {self.statement}" + (f"  (from {self.caller})" if self.caller else "")


def code_of(*things: Any) -> frozenset[CodeType]:
    """The code of functions, and of all functions of modules."""
    functions = [one for thing in things for one in _functions(thing)]
    return frozenset(one.__code__ for one in functions)


@contextmanager
def watching(
    codes: Iterable[CodeType], serving: Iterable[CodeType], reached: Callable[[Boundary], None]
) -> Iterator[None]:
    """Call `reached` before every statement of the code that this process executes in the block.

    Parameters
    ----------
    codes : iterable of code
        What is watched.
    serving : iterable of code
        What is watched besides, of functions that serve several of the others: told apart by who calls them.
    reached : callable
        Told of each boundary.
    """
    shared = frozenset(serving)
    watched = shared.union(codes)
    #: The statements that each frame has begun, the newest last. Frames are not held: they would live longer.
    begun: dict[int, list[int]] = {}

    def enter(code: CodeType, offset: int) -> None:
        begun[id(sys._getframe(1))] = []

    def before(code: CodeType, line: int) -> None:
        frame = sys._getframe(1)
        earlier = begun.setdefault(id(frame), [])
        start, words = _statements(code.co_filename).get(line, (line, ""))
        if earlier and earlier[-1] == start:
            return  # another line of the statement that was reached before
        leaves = start in earlier and words.startswith("with ")
        earlier.append(start)
        caller = _caller(frame.f_back, watched) if code in shared else ""
        reached(Boundary(code.co_qualname, "end of " * leaves + words, start, caller))

    events = sys.monitoring.events
    sys.monitoring.use_tool_id(_TOOL, "statement boundaries")
    try:
        sys.monitoring.register_callback(_TOOL, events.PY_START, enter)
        sys.monitoring.register_callback(_TOOL, events.LINE, before)
        for code in watched:
            sys.monitoring.set_local_events(_TOOL, code, events.PY_START | events.LINE)
        yield
    finally:
        for code in watched:
            sys.monitoring.set_local_events(_TOOL, code, 0)
        sys.monitoring.register_callback(_TOOL, events.PY_START, None)
        sys.monitoring.register_callback(_TOOL, events.LINE, None)
        sys.monitoring.free_tool_id(_TOOL)


def _functions(thing: Any) -> Iterator[FunctionType]:
    if not isinstance(thing, ModuleType):
        yield getattr(thing, "__wrapped__", thing)
        return
    for one in vars(thing).values():
        if getattr(one, "__module__", "") == thing.__name__ and callable(one) and not isinstance(one, type):
            yield from _functions(one)


def _caller(frame: FrameType | None, watched: frozenset[CodeType]) -> str:
    while frame is not None and frame.f_code not in watched:
        frame = frame.f_back
    return "" if frame is None else frame.f_code.co_qualname


@cache
def _statements(file: str) -> dict[int, tuple[int, str]]:
    """Of every line of a file the first line and the first words of the innermost statement that it is of."""
    source = Path(file).read_text()
    lines = source.splitlines()
    found: dict[int, tuple[int, str]] = {}
    for node in ast.walk(ast.parse(source)):  # outer ones before inner ones
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if isinstance(node, _BLOCKS) and body else node.end_lineno or 0
            last = max(last, node.lineno)
            shown = [one for one in lines[node.lineno - 1 : last] if not one.lstrip().startswith("#")]
            words = " ".join(" ".join(shown).split())
            if len(words) > _SHOWN:
                words = words[: _SHOWN - 2] + " …"
            found |= dict.fromkeys(range(node.lineno, last + 1), (node.lineno, words))
    return found
