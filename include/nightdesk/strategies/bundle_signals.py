"""Bundles as strategies say them: legs that trade together or not at all, and what is wrong with some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions, as_date
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.strategies.strategy import BundleCodes, Signals, Strategy


def refuse_unknown_legs(symbols: Sequence[str], legs: Iterable[str], path: str) -> None:
    """For `Strategy.check` of a strategy whose parameters name legs: they must be traded by the book.

    Parameters
    ----------
    symbols : sequence of str
        Those that may be traded.
    legs : iterable of str
        Those of all bundles.
    path : str
        Of the key that names them.

    Raises
    ------
    Refused
        With the legs that are not in the universe.
    """
    absent = sorted(set(legs) - set(symbols))
    if absent:
        raise Refused(
            f"{path}: found the legs {', '.join(absent)}, which are not in the book's universe "
            f"({', '.join(symbols)}): add them to it, or name others"
        )


def check_bundles(strategy: Strategy, said: Signals, symbols: Sequence[str], sessions: Sessions) -> None:
    """Refuse bundles that are none.

    Parameters
    ----------
    strategy : Strategy
    said : Signals
        Of shape (n_sessions, n_symbols).
    symbols : sequence of str, length n_symbols
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        For the error.

    Raises
    ------
    Refused
        When a strategy says bundles and does not declare it, or codes without ratios, a code is negative, a
        leg has a ratio of 0, NaN or infinity, a ratio stands beside no bundle, or a bundle has one leg.
    """
    if said.bundle is None and said.ratio is None:
        return
    where = f"strategy {strategy.name}"
    if not strategy.bundles:
        raise Refused(
            f"{where}: it says bundles and does not declare them: add `bundles = True` to its class"
        )
    if said.bundle is None or said.ratio is None:
        raise Refused(
            f"{where}: it says bundles without ratios, or ratios alone: give `Signals` both or none"
        )
    for name, values in (("bundle", said.bundle), ("ratio", said.ratio)):
        if values.shape != said.direction.shape:
            raise Refused(f"{where}: {name} has shape {values.shape}; it is {said.direction.shape}")
    if said.bundle.dtype != np.int16:
        raise Refused(f"{where}: bundle is of {said.bundle.dtype}; it is int16")
    code, ratio = said.bundle, said.ratio
    leg = code != 0
    wrong = (code < 0) | (leg & ~(np.isfinite(ratio) & (ratio > 0.0))) | (~leg & (ratio != 0.0))
    if wrong.any():
        t, n = (int(one[0]) for one in wrong.nonzero())
        raise Refused(
            f"{where}, {as_date(sessions[t])}, {symbols[n]}: found bundle {code[t, n]} with the ratio "
            f"{ratio[t, n]:g}; a leg has a code from 1 on and a ratio above 0, any other symbol 0 and 0"
        )
    alone = _alone(code)
    if alone.any():
        t, n = (int(one[0]) for one in alone.nonzero())
        raise Refused(
            f"{where}, {as_date(sessions[t])}, {symbols[n]}: bundle {code[t, n]} has this one leg; a bundle "
            "has two or more: say 0 of a symbol that trades by itself"
        )


def _alone(code: BundleCodes) -> NDArray[np.bool_]:
    """Where a code stands once in its session."""
    ordered = np.sort(code, axis=1)
    at = np.argsort(code, axis=1, kind="stable")
    same = ordered[:, 1:] == ordered[:, :-1]
    edge = np.zeros((len(code), 1), dtype=np.bool_)
    single = (ordered != 0) & ~np.hstack([edge, same]) & ~np.hstack([same, edge])
    out: NDArray[np.bool_] = np.zeros_like(single)
    np.put_along_axis(out, at, single, axis=1)
    return out


def bundles_by_session(
    strategies: Mapping[str, Strategy], signals: Mapping[str, Signals]
) -> tuple[BundleCodes, Floats]:
    """Codes and ratios of every strategy, (n_sessions, n_strategies, n_symbols); 0 without a bundle."""
    code, ratio = [], []
    for name in strategies:
        said = signals[name]
        none = said.bundle is None or said.ratio is None
        code.append(np.zeros(said.direction.shape, dtype=np.int16) if none else said.bundle)
        ratio.append(np.zeros(said.direction.shape) if none else said.ratio)
    return np.stack([one for one in code if one is not None], axis=1), np.stack(
        [one for one in ratio if one is not None], axis=1
    )
