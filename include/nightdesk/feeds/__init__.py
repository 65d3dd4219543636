"""Market data from the outside world: vendors, files and the sample market behind one interface.

`make` gives a feed by name, `chain.fetch_with_fallback` asks several in order, `quality.examine` judges what
they gave.
"""

from nightdesk.feeds import fact_vendors  # enters them among the sources of facts
from nightdesk.feeds.fact_sources import check_fact_source  # it enters the files among the sources of facts
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
    "check_fact_source",
    "covers",
    "covers_hours",
    "fact_vendors",
    "has_hours",
    "hourly_names",
    "make",
    "register",
]
