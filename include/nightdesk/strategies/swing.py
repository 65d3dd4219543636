"""What the swing strategies have in common: a catastrophe stop, and conditions of which the first decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nightdesk.core.exit_plan import ExitDistance
from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.strategies.strategy import Codes, Direction, Signals

Flags = NDArray[np.bool_]
Case = tuple[int, Direction, Flags]

#: Volume over its mean at which a confidence that rests on it is full.
FULL_VOLUME_RATIO = 3.0


class SwingParams(Frozen):
    """The parameter that every swing strategy has."""

    stop_atr: float = Field(
        2.5, ge=2, le=3, description="average true ranges below the entry at which it is left"
    )

    @property
    def stop(self) -> ExitDistance:
        """The stop of its positions."""
        return ExitDistance(atr=self.stop_atr)


def check_thresholds(**thresholds: float) -> None:
    """Raise `ValueError` where the first of two named thresholds lies above the second."""
    (lower, low), (upper, high) = thresholds.items()
    if low > high:
        raise ValueError(f"{lower} {low:g} lies above {upper} {high:g}: what is bought would be sold at once")


def first_that_holds(cases: Sequence[Case], otherwise: int) -> tuple[Codes, Codes]:
    """Directions and reasons of every session and symbol.

    Parameters
    ----------
    cases : sequence of (clause, direction, ndarray of shape (n_sessions, n_symbols))
        In the order in which they are asked. A comparison with a missing value does not hold.
    otherwise : int
        The clause of what none of them holds for, which is held.

    Returns
    -------
    direction, reason : int8 ndarrays of shape (n_sessions, n_symbols)
    """
    holds = [one for _, _, one in cases]
    direction = np.select(holds, [meaning for _, meaning, _ in cases], Direction.HOLD)
    reason = np.select(holds, [clause for clause, _, _ in cases], otherwise)
    return direction.astype(np.int8), reason.astype(np.int8)


def confidences(direction: Codes, entry: Floats) -> Floats:
    """Of entries `entry`, within [0, 1]; of exits 1; of the rest 0."""
    return np.select(
        [direction > Direction.HOLD, direction < Direction.HOLD], [np.clip(entry, 0.0, 1.0), 1.0], 0.0
    )


def volume_confidence(volume_ratio: Floats) -> Floats:
    """Confidence of an entry that volume speaks for: from 0.5 without any to 1 at three times its mean."""
    return 0.5 + 0.5 * np.minimum(1.0, volume_ratio / FULL_VOLUME_RATIO)


def signals_by_volume(direction: Codes, reason: Codes, volume_ratio: Floats) -> Signals:
    """Signals of full strength whose entries are as sure as their volume."""
    return Signals(
        direction=direction,
        strength=np.sign(direction).astype(np.float64),
        confidence=confidences(direction, volume_confidence(volume_ratio)),
        reason=reason,
    )


def unknown(*values: Floats) -> Flags:
    """Where one of the values is missing."""
    missing = np.zeros(values[0].shape, dtype=bool)
    for one in values:
        missing |= ~np.isfinite(one)
    return missing
