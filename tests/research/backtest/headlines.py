"""Made-up headlines in a file, for tests: a story that goes on for some sessions, then turns."""

import csv
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from nightdesk.core.calendar import Sessions, as_instant, get_calendar

GOOD = "{} celebrates a great success, analysts are happy"
BAD = "{} hurt by a terrible failure, investors fear losses"
PLAIN = "{} holds its annual meeting"

#: Sessions that a story goes on for.
STORY = 8


def write_headlines(path: Path, symbols: Sequence[str], sessions: Sessions, seed: int = 7) -> Path:
    """One headline of every symbol and session, an hour before the close; the same for the same arguments."""
    calendar, random = get_calendar(), np.random.default_rng(seed)
    closes = calendar.closes[np.searchsorted(calendar.sessions, sessions)]
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["published_at", "symbol", "headline", "source"])
        for at, close in enumerate(closes):
            if at % STORY == 0:
                told = random.choice([GOOD, BAD, PLAIN], size=len(symbols), p=[0.3, 0.3, 0.4])
            published = (as_instant(close) - timedelta(hours=1)).isoformat()
            rows.writerows(
                [published, symbol, text.format(symbol), "made up"]
                for symbol, text in zip(symbols, told, strict=True)
            )
    return path
