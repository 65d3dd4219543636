"""What a strategy has learnt, as plain numbers."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property


@dataclass(frozen=True)
class Model:
    """What was learnt, as plain numbers: a linear score of standardised features.

    The score of a symbol is intercept + Σ coefficient × (feature - mean) / deviation. A model that could not
    be fitted has no coefficients and is silent.

    Attributes
    ----------
    fitted : date
        Grid session; nothing after it was used.
    first, last : date or None
        First and last session of the samples; None without any.
    samples : int
        Pairs of features and an outcome that was known by then.
    rising : float
        Share of the samples whose outcome was a rise; NaN without any.
    features : tuple of str
    means, deviations : tuple of float
        Of each feature over the samples.
    coefficients : tuple of float
        Empty where nothing was fitted.
    intercept : float
        NaN where nothing was fitted.
    log_loss, accuracy : float
        In the samples, natural logarithm and share of right calls; NaN where nothing was fitted.
    """

    fitted: date
    first: date | None
    last: date | None
    samples: int
    rising: float
    features: tuple[str, ...]
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    coefficients: tuple[float, ...] = ()
    intercept: float = math.nan
    log_loss: float = math.nan
    accuracy: float = math.nan

    @property
    def speaks(self) -> bool:
        """Whether it was fitted."""
        return bool(self.coefficients)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all its numbers to the last bit, hexadecimal."""
        text = json.dumps(asdict(self), default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
