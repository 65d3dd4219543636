"""Plug-ins of a user's own: what is known of each, which is being imported, and who looks for them.

A registry that lacks a name asks `search` for it, so nothing is looked for while every name is one of the
package's. Who searches is set once, by the root of the package: this room reads no files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PlugIn:
    """One source of plug-ins: a file of the user's, or an entry point of an installed package.

    Attributes
    ----------
    module : str
        Name of its module.
    place : str
        Where it is, for people: the path of the file, or the entry point and its package.
    digest : str
        SHA-256 of the source that it stands for, hexadecimal.
    entered : list of (str, str)
        Kind and name of each plug-in in it.
    undo : list of callables
        Take back what its import has entered; the newest last.
    """

    module: str
    place: str
    digest: str
    entered: list[tuple[str, str]] = field(default_factory=list, repr=False, compare=False)
    undo: list[Callable[[], object]] = field(default_factory=list, repr=False, compare=False)

    def take_back(self) -> None:
        """Let it be as if it had never been imported."""
        while self.undo:
            self.undo.pop()()
        self.entered.clear()
        if self in _known:
            _known.remove(self)


#: Imports what has not been imported yet; says where it looked, and what could not be imported and why.
Search = Callable[[], Sequence[str]]

_known: list[PlugIn] = []
_importing: list[PlugIn] = []
_searches: list[Search] = []


def search_with(search: Search) -> None:
    """Set who looks for plug-ins."""
    _searches[:] = [search]


def search() -> Sequence[str]:
    """Have all plug-ins imported; where they were looked for and what failed, a sentence each."""
    return _searches[0]() if _searches else ()


def known() -> tuple[PlugIn, ...]:
    """Those that were imported, in that order."""
    return tuple(_known)


def importing() -> PlugIn | None:
    """The plug-in whose module is being imported now; None for the package's own."""
    return _importing[-1] if _importing else None


@contextmanager
def imported(plug_in: PlugIn) -> Iterator[None]:
    """While its module runs: what it enters is its own, and nothing of it stays where the module fails."""
    _importing.append(plug_in)
    try:
        yield
        _known.append(plug_in)
    except BaseException:
        plug_in.take_back()
        raise
    finally:
        _importing.pop()
