"""The strategies by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightdesk.core.registry import Registry, validated
from nightdesk.strategies.strategy import Strategy

STRATEGIES: Registry[type[Strategy]] = Registry("strategy")


def register[S: Strategy](cls: type[S]) -> type[S]:
    """Make a strategy known under its `name`; for use as a decorator."""
    STRATEGIES.add(cls.name, cls)
    return cls


def names() -> tuple[str, ...]:
    """Names of all registered strategies, sorted."""
    return STRATEGIES.names()


def make(
    name: str,
    params: Mapping[str, Any] | None = None,
    *,
    path: str | None = None,
    called: str | None = None,
) -> Strategy:
    """Build a strategy from a book's parameters.

    Parameters
    ----------
    name : str
        A registered name.
    params : mapping, optional
        The strategy's own parameters; those left out have its defaults.
    path : str, optional
        Where the strategy stands in the book, for errors; default ``strategies.NAME``.
    called : str, optional
        What the book calls it; default: its registered name.

    Raises
    ------
    Refused
        When the name is unknown or a parameter is unknown or impossible, with the path of the key.
    """
    where = path or f"strategies.{name}"
    cls = STRATEGIES.find(name, where)
    strategy = cls(validated(cls.Params, params or {}, owner=name, where=f"{where}.params"))
    if called is not None and called != name:
        strategy.name = called
    return strategy
