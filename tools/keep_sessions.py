"""Write the package's own copy of an exchange's sessions, made by the installed `exchange_calendars`.

    python tools/keep_sessions.py [XNYS ...]

To be run whenever `exchange-calendars` is pinned anew; ``tests/core/test_kept_sessions.py`` fails until it
was.
"""

from __future__ import annotations

import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

from nightdesk.core import calendar
from nightdesk.core.kept_sessions import KeptSessions, encode

#: Every rule of today is known until then; beyond it a calendar is computed as it was before.
REACH = date(2040, 12, 31)


def main(names: list[str]) -> None:
    """Write the file of each exchange."""
    folder = Path(calendar.__file__).parent / "calendars"
    folder.mkdir(exist_ok=True)
    for name in names:
        made = calendar.computed(name, REACH)
        kept = KeptSessions(
            name, made.zone, version("exchange_calendars"), REACH, made.sessions, made.opens, made.closes
        )
        path = folder / f"{name}.sessions"
        path.write_bytes(encode(kept))
        print(f"{path}: {len(kept.sessions)} sessions, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:] or [calendar.USUAL_CALENDAR])
