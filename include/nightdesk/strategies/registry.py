"""The strategies by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from nightdesk.documents import quoting_hint, shortened
from nightdesk.errors import Refused
from nightdesk.strategies.base import Strategy

_STRATEGIES: dict[str, type[Strategy]] = {}


def register[S: Strategy](cls: type[S]) -> type[S]:
    """Make a strategy known under its `name`; for use as a decorator."""
    if cls.name in _STRATEGIES:
        raise ValueError(
            f"two strategies are named {cls.name}: {_STRATEGIES[cls.name].__qualname__}, {cls.__qualname__}"
        )
    _STRATEGIES[cls.name] = cls
    return cls


def names() -> tuple[str, ...]:
    """Names of all registered strategies, sorted."""
    return tuple(sorted(_STRATEGIES))


def make(name: str, params: Mapping[str, Any] | None = None, *, path: str | None = None) -> Strategy:
    """Build a strategy from a book's parameters.

    Parameters
    ----------
    name : str
        A registered name.
    params : mapping, optional
        The strategy's own parameters; those left out have its defaults.
    path : str, optional
        Where the strategy stands in the book, for errors; default ``strategies.NAME``.

    Raises
    ------
    Refused
        When the name is unknown or a parameter is unknown or impossible, with the path of the key.
    """
    where = path or f"strategies.{name}"
    if name not in _STRATEGIES:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names())}"
        raise Refused(f"{where}: there is no strategy {name!r}; {hint}")
    cls = _STRATEGIES[name]
    try:
        validated = cls.Params.model_validate(dict(params or {}))
    except ValidationError as error:
        lines = [_describe(cls, f"{where}.params", dict(one)) for one in error.errors()]
        raise Refused("\n".join(lines)) from error
    return cls(validated)


def _describe(cls: type[Strategy], where: str, error: Mapping[str, Any]) -> str:
    key = ".".join([where, *(str(part) for part in error["loc"])])
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; {cls.name} knows {', '.join(cls.Params.model_fields)}"
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"
    words = f"{error['msg'][0].lower()}{error['msg'][1:]}{quoting_hint(error)}"
    return f"{key}: found {shortened(error['input'])}; {words}"
