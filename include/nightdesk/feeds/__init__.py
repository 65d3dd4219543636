"""Market data from the outside world: vendors, files and the sample market behind one interface.

`make` gives a feed by name, `chain.fetch_with_fallback` asks several in order, `quality.examine` judges what
they gave.
"""

from nightdesk.feeds.feed import Fault, Feed, Fetched, Missing, action_frame, bar_frame
from nightdesk.feeds.feed_registry import (
    FEEDS,
    FeedKind,
    check,
    covers,
    covers_hours,
    has_hours,
    hourly_names,
    make,
    register,
)

__all__ = [
    "FEEDS",
    "Fault",
    "Feed",
    "FeedKind",
    "Fetched",
    "Missing",
    "action_frame",
    "bar_frame",
    "check",
    "covers",
    "covers_hours",
    "has_hours",
    "hourly_names",
    "make",
    "register",
]
