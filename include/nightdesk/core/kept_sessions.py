"""The sessions of an exchange as a small file of the package: a copy, used only where it is known to be true.

`exchange_calendars` says what a session is. Asking it takes most of a second, for it computes every holiday
since 1990 with pandas; a step needs the outcome alone. ``tools/keep_sessions.py`` writes the outcome down,
and a test compares it with `exchange_calendars` anew. A file is used only where it is whole, speaks of the
exchange that was asked for, was made by the version that is installed, reaches far enough, and has the clock
right.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

#: The form of a file; another number is another form.
_FORM = 1
_SOURCE = "exchange_calendars"


@dataclass(frozen=True)
class KeptSessions:
    """What a file holds.

    Attributes
    ----------
    name : str
        The exchange, such as ``"XNYS"``.
    zone : str
        Its time zone.
    version : str
        Of `exchange_calendars`, which made it.
    reach : date
        Up to this day it holds every session.
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Ascending.
    opens, closes : ndarray of shape (n_sessions,), datetime64[s]
        UTC.
    """

    name: str
    zone: str
    version: str
    reach: date
    sessions: NDArray[np.datetime64]
    opens: NDArray[np.datetime64]
    closes: NDArray[np.datetime64]


def encode(kept: KeptSessions) -> bytes:
    """The content of a file: a line of JSON that says what it is, then packed days and seconds of the day."""
    midnight = kept.sessions.astype("datetime64[s]")
    columns = (
        np.diff(kept.sessions.astype(np.int64), prepend=0),
        (kept.opens - midnight).astype(np.int64),
        (kept.closes - midnight).astype(np.int64),
    )
    packed = zlib.compress(np.stack(columns).astype("<i4").tobytes(), 9)
    head = {
        "form": _FORM,
        "name": kept.name,
        "zone": kept.zone,
        "version": kept.version,
        "reach": kept.reach.isoformat(),
        "clock": _clock(kept),
    }
    return json.dumps({**head, "sha256": _digest(head, packed)}).encode() + b"\n" + packed


def decode(content: bytes) -> KeptSessions | None:
    """What a file says; None where it is damaged, of another form, or its clock is not the exchange's."""
    line, _, packed = content.partition(b"\n")
    try:
        head = json.loads(line)
        if head.pop("sha256") != _digest(head, packed) or head["form"] != _FORM:
            return None
        days, opened, closed = np.frombuffer(zlib.decompress(packed), dtype="<i4").reshape(3, -1)
        sessions = np.cumsum(days, dtype=np.int64).astype("datetime64[D]")
        midnight = sessions.astype("datetime64[s]")
        kept = KeptSessions(
            name=head["name"],
            zone=head["zone"],
            version=head["version"],
            reach=date.fromisoformat(head["reach"]),
            sessions=sessions,
            opens=midnight + opened.astype("timedelta64[s]"),
            closes=midnight + closed.astype("timedelta64[s]"),
        )
        return kept if head["clock"] == _clock(kept) else None
    except (ValueError, LookupError, TypeError, AttributeError, zlib.error):
        return None


def kept_sessions(name: str, until: date, folder: Path | None = None) -> KeptSessions | None:
    """The sessions of an exchange up to a day; None where they are not kept or not to be trusted.

    Parameters
    ----------
    name : str
        The exchange.
    until : date
        The last day, included.
    folder : Path, optional
        Where the files are; by default the package's own.
    """
    path = (Path(__file__).parent / "calendars" if folder is None else folder) / f"{name}.sessions"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    kept = decode(content)
    if kept is None or kept.name != name or until > kept.reach or not _is_installed(kept.version):
        return None
    last = int(np.searchsorted(kept.sessions, np.datetime64(until, "D"), side="right"))
    arrays = kept.sessions[:last], kept.opens[:last], kept.closes[:last]
    return KeptSessions(kept.name, kept.zone, kept.version, until, *arrays)


def _digest(head: dict[str, Any], packed: bytes) -> str:
    return hashlib.sha256(json.dumps(head).encode() + packed).hexdigest()


def _clock(kept: KeptSessions) -> list[str]:
    """The last opens of a January and a July by the exchange's clock, as this machine knows it."""
    months = kept.opens.astype("datetime64[M]").astype(int) % 12 + 1
    zone = ZoneInfo(kept.zone)
    opens = [kept.opens[np.flatnonzero(months == month)[-1]] for month in (1, 7)]
    return [_instant(one).astimezone(zone).isoformat() for one in opens]


def _instant(moment: np.datetime64) -> datetime:
    naive: datetime = moment.astype("datetime64[s]").item()
    return naive.replace(tzinfo=UTC)


def _is_installed(version: str) -> bool:
    """Whether this version of `exchange_calendars` is installed, by the folder that pip keeps beside it."""
    found = find_spec(_SOURCE)
    if found is None or found.origin is None:
        return False
    return (Path(found.origin).parents[1] / f"{_SOURCE}-{version}.dist-info").is_dir()
