"""Market data from the outside world: vendors, files and the sample market behind one interface.

`make` gives a feed by name, `chain.fetch_with_fallback` asks several in order, `quality.examine` judges what
they gave.
"""

from nightdesk.feeds.feed import Fault, Feed, Fetched, Missing
from nightdesk.feeds.feed_registry import HOURLY_NAMES, covers, covers_hours, has_hours, make

__all__ = [
    "HOURLY_NAMES",
    "Fault",
    "Feed",
    "Fetched",
    "Missing",
    "covers",
    "covers_hours",
    "has_hours",
    "make",
]
