"""The package's own copy of an exchange's sessions, and when it is not trusted."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from nightdesk.core import calendar
from nightdesk.core.kept_sessions import KeptSessions, decode, encode, kept_sessions

UNTIL = date(2027, 6, 30)
FOLDER = Path(calendar.__file__).parent / "calendars"


@pytest.fixture
def kept() -> KeptSessions:
    found = kept_sessions("XNYS", UNTIL)
    assert found is not None, "python tools/keep_sessions.py was not run since exchange-calendars was pinned"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "XNYS.sessions").write_bytes((FOLDER / "XNYS.sessions").read_bytes())
    return tmp_path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sessions")), ids=lambda path: path.stem)
def test_every_kept_exchange_is_what_the_pinned_exchange_calendars_says(path: Path) -> None:
    whole = decode(path.read_bytes())
    assert whole is not None
    assert (whole.name, whole.version) == (path.stem, version("exchange_calendars"))
    computed = calendar.computed(whole.name, whole.reach)
    assert (computed.zone, computed.sessions[0]) == (whole.zone, np.datetime64(calendar.FIRST_SESSION))
    for name in ("sessions", "opens", "closes"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(computed, name))


def test_a_calendar_ends_a_year_from_today_whatever_is_kept() -> None:
    got = calendar.get_calendar("XNYS")
    until = calendar.a_year_from(datetime.now(UTC).date())
    assert got.sessions[-1] <= np.datetime64(until) < got.sessions[-1] + np.timedelta64(6, "D")
    assert calendar.a_year_from(date(2024, 2, 29)) == date(2025, 2, 28)


def test_reading_a_kept_calendar_imports_neither_pandas_nor_exchange_calendars() -> None:
    asked = (
        "import sys; from nightdesk.core.calendar import get_calendar; get_calendar();"
        "print({'pandas', 'exchange_calendars'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_exchange_that_is_not_kept_is_computed() -> None:
    assert kept_sessions("XLON", UNTIL) is None
    assert calendar.get_calendar("XLON").zone == "Europe/London"


def test_a_day_beyond_the_reach_is_not_answered(folder: Path) -> None:
    assert kept_sessions("XNYS", date(2040, 12, 31), folder) is not None
    assert kept_sessions("XNYS", date(2041, 1, 1), folder) is None


@pytest.mark.parametrize("at", [0, 30, 400, -1])
def test_a_file_with_one_wrong_byte_is_not_read(folder: Path, at: int) -> None:
    content = bytearray((folder / "XNYS.sessions").read_bytes())
    content[at] ^= 1
    (folder / "XNYS.sessions").write_bytes(bytes(content))
    found = kept_sessions("XNYS", UNTIL, folder)
    assert found is None


@pytest.mark.parametrize("length", [0, 10, 300, 1000])
def test_a_file_that_was_cut_is_not_read(folder: Path, length: int) -> None:
    path = folder / "XNYS.sessions"
    path.write_bytes(path.read_bytes()[:length])
    assert kept_sessions("XNYS", UNTIL, folder) is None


@pytest.mark.parametrize("changed", [{"version": "4.0"}, {"name": "XLON"}])
def test_a_file_of_another_version_or_exchange_is_not_read(
    kept: KeptSessions, folder: Path, changed: dict[str, str]
) -> None:
    (folder / "XNYS.sessions").write_bytes(encode(replace(kept, **changed)))  # type: ignore[arg-type]
    assert kept_sessions("XNYS", UNTIL, folder) is None


def test_a_file_whose_clock_is_not_the_exchanges_any_more_is_not_read(kept: KeptSessions) -> None:
    moved = replace(kept, zone="America/Chicago")
    content = encode(moved)
    assert decode(content) is not None
    # As if Chicago's time had been changed since: the same digest over another clock.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nightdesk.core.kept_sessions.ZoneInfo", lambda name: ZoneInfo("America/New_York"))
        assert decode(content) is None
