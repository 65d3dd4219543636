"""Sources of headlines by name: `alpaca`, `sample` or `files:PATH`.

Importing this module is light: what a source needs is imported when it is made.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from nightdesk.errors import Refused
from nightdesk.feeds.news import NewsFeed

NAMES = ("alpaca", "sample", "files:PATH")


def make_news(
    name: str,
    *,
    calendar: str = "XNYS",
    environ: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> NewsFeed:
    """The source of headlines of that name.

    Parameters
    ----------
    name : str
        ``alpaca``, ``sample``, or ``files:`` and the path of a file, or of a folder with ``headlines.csv``.
    calendar : str
        The exchange on whose sessions the sample's headlines fall.
    environ : mapping of str to str, optional
        Where the keys of vendors are (default: this process's environment).
    now : callable
        The clock, timezone-aware.

    Raises
    ------
    Refused
        When there is no such source or no such path, or its key is not known.
    """
    kind, _, rest = name.partition(":")
    if kind == "files" and rest:
        from nightdesk.feeds.news_files import FilesNews

        return FilesNews(Path(rest), now=now)
    if name == "sample":
        from nightdesk.feeds.sample_news import SampleNews

        return SampleNews(calendar, now=now)
    if name == "alpaca":
        from nightdesk.feeds.alpaca_news import AlpacaNews

        return AlpacaNews.of(os.environ if environ is None else environ, now=now)
    raise _unknown(name)


def check_name(name: str) -> None:
    """Refuse a name of no source."""
    kind, _, rest = name.partition(":")
    if not (kind == "files" and rest) and name not in ("alpaca", "sample"):
        raise _unknown(name)


def check_news(name: str) -> None:
    """Refuse a name of no source, or a path that is not there; no key is needed and no network."""
    check_name(name)
    kind, _, rest = name.partition(":")
    if kind == "files":
        from nightdesk.feeds.news_files import find_headlines

        find_headlines(Path(rest))


def _unknown(name: str) -> Refused:
    if name.partition(":")[0] == "files":
        return Refused(
            f"source of headlines {name!r} names no path: write files:PATH, "
            "PATH being headlines.csv or its folder"
        )
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return Refused(f"source of headlines {name!r} is not known{hint}: name one of {', '.join(NAMES)}")
