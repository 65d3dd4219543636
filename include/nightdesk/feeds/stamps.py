"""The day that a bar is of, from what a file writes: dates in several forms, numbers since 1970, instants.

An instant names a day where it is a midnight, or the open or close of the exchange; it is never cut:

==========================================  ==================================  ===========================
an instant that is                          is the day of                       of a market that never closes
==========================================  ==================================  ===========================
a midnight of the zone written with it      that zone                           refused, unless UTC
a midnight of UTC                           UTC                                 taken
a midnight, open or close of the exchange   the exchange                        refused, unless UTC's midnight
anything else                               refused                             refused
==========================================  ==================================  ===========================

A bar of a market that never closes lasts from one midnight of its zone to the next: read as a day of UTC,
one of Berlin would show the last hours of the day before as this day's, or this day's two hours early.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Calendar

if TYPE_CHECKING:
    import pandas as pd

Instants = NDArray[np.datetime64]


class StampForm(StrEnum):
    """How a column of days is written."""

    ISO = "a date like 2024-03-28"
    COMPACT = "a date like 20240328"
    EPOCH = "seconds, milliseconds, microseconds or nanoseconds since 1970"
    INSTANT = "an instant like 2024-03-28T00:00:00-04:00"
    SLASHED = "dates like 03/28/2024 whose month and day can be told apart (2024-03-28 always can)"
    DOTTED = "a date like 28.03.2024"


_PATTERNS = (
    (StampForm.ISO, re.compile(r"\d{4}-\d{2}-\d{2}")),
    (StampForm.COMPACT, re.compile(r"(19|20|21)\d{6}")),
    (StampForm.EPOCH, re.compile(r"\d{9,19}(\.0*)?")),
    (
        StampForm.INSTANT,
        re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?(Z|UTC|[+-]\d{2}:?\d{2})?"),
    ),
    (StampForm.SLASHED, re.compile(r"\d{1,2}/\d{1,2}/\d{4}")),
    (StampForm.DOTTED, re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}")),
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})$")

#: From which number on an epoch is in milliseconds, microseconds, nanoseconds: each spans 1973 to 5138.
_UNITS = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (0, 10**9))
_DAY = np.timedelta64(1, "D")

#: A day of 23 hours, when clocks go forward, is longer.
SHORTEST_DAY = timedelta(hours=20)


@dataclass(frozen=True)
class Stamps:
    """What a file writes as the days of its rows, read as instants but not yet as days.

    Attributes
    ----------
    form : StampForm
    moment : ndarray of datetime64[ns]
        UTC where there is a zone, or numbers since 1970; a wall clock of no zone else. NaT where the cell is
        not of `form`.
    local : ndarray of datetime64[ns] or None
        The same on the clock of the zone that is written with it; None where no zone is.
    """

    form: StampForm
    moment: Instants
    local: Instants | None = None

    @property
    def is_dates(self) -> bool:
        """Whether these are dates without a time of day."""
        return self.form in (StampForm.ISO, StampForm.COMPACT, StampForm.SLASHED, StampForm.DOTTED)


@dataclass(frozen=True)
class Days:
    """Days of rows.

    Attributes
    ----------
    day : ndarray of datetime64[D]
        NaT where an instant names no day.
    of_utc : ndarray of bool
        Whether it is a whole day of UTC, as markets that never close have them.
    """

    day: Instants
    of_utc: NDArray[np.bool_]


def form_of(cell: str) -> StampForm | None:
    """How a cell writes its day; None where it writes none that is known."""
    return next((form for form, pattern in _PATTERNS if pattern.fullmatch(cell)), None)


def read_stamps(cells: Sequence[str]) -> Stamps | None:
    """Read cells as the first of them is written; None where that one is no day at all."""
    import pandas as pd

    first = next((one for one in cells if one), None)
    form = None if first is None else form_of(first)
    if form is None:
        return None
    text = pd.Series(cells, dtype=object).where(lambda one: one.notna(), "").astype(str)
    fits = text.str.fullmatch(dict(_PATTERNS)[form]).to_numpy(bool)
    text = text.where(fits, None)
    if form is StampForm.EPOCH:
        return of_numbers(pd.to_numeric(text.str.partition(".")[0]).to_numpy())
    if form is StampForm.INSTANT:
        return _instants(text)
    pattern = {StampForm.ISO: "%Y-%m-%d", StampForm.COMPACT: "%Y%m%d", StampForm.DOTTED: "%d.%m.%Y"}.get(form)
    day = _slashed(text) if pattern is None else _parsed(text, format=pattern)
    return Stamps(form, day)


def of_numbers(numbers: NDArray[Any]) -> Stamps:
    """Numbers since 1970, or dates like 20240328, whichever their size says; NaT for others."""
    known = np.isfinite(numbers.astype(float)) & (numbers.astype(float) >= 10**7)
    whole = np.where(known, numbers, 10**9).astype(np.int64)
    if known.any() and whole[known].max() < 10**8:
        import pandas as pd

        return Stamps(
            StampForm.COMPACT, _parsed(pd.Series(np.where(known, whole, 0).astype(str)), format="%Y%m%d")
        )
    known &= whole >= 10**8
    factor = np.select([whole >= least for least, _ in _UNITS], [by for _, by in _UNITS])
    moment = (whole * factor).astype("datetime64[ns]")
    moment[~known] = np.datetime64("NaT")
    return Stamps(StampForm.EPOCH, moment, moment)


def days_of(stamps: Stamps, calendar: Calendar) -> Days:
    """The day of each stamp; see the table of this module."""
    midnight = _is_midnight(stamps.moment)
    if stamps.is_dates:
        return Days(stamps.moment.astype("datetime64[D]"), midnight)
    exchange = _exchange_day(stamps.moment, calendar)
    if stamps.local is None:
        # a wall clock of no zone names its day where UTC and the exchange agree on it
        written = stamps.moment.astype("datetime64[D]")
        agree = (exchange == written) | np.isin(stamps.moment - written, _usual_clock(calendar))
        return Days(np.where(agree | midnight, written, np.datetime64("NaT", "D")), midnight)
    day = np.where(midnight, stamps.moment.astype("datetime64[D]"), exchange)
    return Days(np.where(_is_midnight(stamps.local), stamps.local.astype("datetime64[D]"), day), midnight)


def is_within_days(cells: Sequence[str], symbols: Sequence[str]) -> bool:
    """Whether two bars of one symbol that stand together begin less than 20 hours apart: no daily bars."""
    last: dict[str, datetime] = {}
    for cell, symbol in zip(cells, symbols, strict=True):
        moment = _quickly(cell)
        if moment is None:
            continue
        before = last.get(symbol)
        if before is not None and timedelta(0) < abs(moment - before) < SHORTEST_DAY:
            return True
        last[symbol] = moment
    return False


def _quickly(cell: str) -> datetime | None:
    """An instant or a number since 1970, without a zone where it has none; None for dates and other words."""
    form = form_of(cell)
    if form is StampForm.EPOCH:
        whole = int(cell.partition(".")[0])
        factor = next(by for least, by in _UNITS if whole >= least)
        return datetime(1970, 1, 1) + timedelta(microseconds=whole * factor // 1000)  # noqa: DTZ001
    if form is not StampForm.INSTANT:
        return None
    try:
        moment = datetime.fromisoformat(cell.replace(" UTC", "Z"))
    except ValueError:
        return None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _is_midnight(moment: Instants) -> NDArray[np.bool_]:
    whole: NDArray[np.bool_] = moment == moment.astype("datetime64[D]")
    return whole


def _exchange_day(moment: Instants, calendar: Calendar) -> Instants:
    """The exchange's day where an instant of UTC is its midnight, its usual or that day's open or close."""
    local = _on_clock_of(moment, calendar.zone)
    day = local.astype("datetime64[D]")
    at = np.isin(local - day, [np.timedelta64(0, "ns"), *_usual_clock(calendar)])
    at |= np.isin(moment, calendar.opens) | np.isin(moment, calendar.closes)
    return np.where(at, day, np.datetime64("NaT"))


def _usual_clock(calendar: Calendar) -> list[np.timedelta64]:
    """The times of day at which the exchange usually opens and closes."""
    usual = []
    for edge in (calendar.opens[-500:], calendar.closes[-500:]):
        local = _on_clock_of(edge, calendar.zone)
        values, counts = np.unique(local - local.astype("datetime64[D]"), return_counts=True)
        usual.append(values[counts.argmax()])
    return usual


def _on_clock_of(moment: Instants, zone: str) -> Instants:
    import pandas as pd

    local = pd.DatetimeIndex(moment, tz="UTC").tz_convert(zone).tz_localize(None)
    return local.to_numpy().astype("datetime64[ns]")


def _instants(text: pd.Series) -> Stamps:
    import pandas as pd

    plain = text.str.replace(" ?UTC$", "Z", regex=True)
    zoned = plain.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True, na=False).to_numpy(bool)
    moment = pd.to_datetime(plain, format="ISO8601", utc=True, errors="coerce")
    found = moment.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    if not zoned.any():
        return Stamps(StampForm.INSTANT, found)
    found[~zoned] = np.datetime64("NaT")  # with a zone in one line and without in another, it is not known
    offsets = {one: _offset(one) for one in plain.str[-6:].unique() if isinstance(one, str)}
    return Stamps(
        StampForm.INSTANT, found, found + plain.str[-6:].map(offsets).fillna(pd.Timedelta(0)).to_numpy()
    )


def _offset(tail: str) -> np.timedelta64:
    found = _OFFSET.search(tail)
    if found is None:
        return np.timedelta64(0, "ns")
    minutes = int(found[2]) * 60 + int(found[3])
    return np.timedelta64((minutes if found[1] == "+" else -minutes) * 60 * 10**9, "ns")


def _slashed(text: pd.Series) -> Instants:
    """Month or day first, whichever all cells allow; where both can be, the one whose days lie together.

    NaT everywhere where neither does, or where even the better reading is no series of days.
    """
    readings = [_parsed(text, format=form) for form in ("%m/%d/%Y", "%d/%m/%Y")]
    given = text.notna().to_numpy(bool)
    whole = [one for one in readings if not np.isnat(one[given]).any()]
    if not whole:
        return readings[0]
    if len(whole) == 2 and (whole[0] == whole[1])[given].all():
        return whole[0]
    together = [one for one in whole if _lie_together(one[given])]
    if len(whole) == 1 or (len(together) == 1 and together[0] is whole[0]):
        return whole[0]
    return np.full(len(text), np.datetime64("NaT"), "datetime64[ns]")


def _lie_together(days: Instants) -> bool:
    steps = np.diff(np.unique(days)) / _DAY
    return len(steps) > 0 and float(np.median(steps)) <= 5


def _parsed(text: pd.Series, *, format: str) -> Instants:  # noqa: A002 (as pandas calls it)
    import pandas as pd

    found = pd.to_datetime(text, format=format, errors="coerce")
    return found.to_numpy().astype("datetime64[ns]")
