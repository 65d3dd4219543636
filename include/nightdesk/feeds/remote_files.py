"""The `files:s3://BUCKET/KEY` feed: files of bars in an object store, read through a copy on this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nightdesk.core.calendar import Calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.core.names import NameChange
from nightdesk.feeds.feed import Fault, Feed, Fetched, Missing, action_frame, bar_frame, hour_frame
from nightdesk.feeds.files import FilesFeed
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.object_store import copied

if TYPE_CHECKING:
    import pandas as pd


def copies(environ: Mapping[str, str]) -> Path:
    """Where copies of what lies in stores are kept, in the user's own cache."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nightdesk" / "objects"


class RemoteFiles(Feed):
    """Files as `FilesFeed` reads them, from a store that is asked with every fetch what has changed.

    Parameters
    ----------
    place : str
        ``s3://BUCKET/KEY`` of a file, or of a folder of files. A store that does not give them is a source
        that fails: its symbols are missing, and the next source is asked. A file that is wrong is refused.
    """

    name = "files"
    hourly = True

    def __init__(
        self,
        place: str,
        calendar: Calendar | str,
        *,
        continuous: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(calendar, continuous=continuous, now=now)
        self.place = place

    def covers(self, symbol: str) -> bool:
        """True of every symbol: what is in the store is not asked without a need."""
        return True

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        try:
            files = self._files()
        except SourceFault as error:
            return _nothing(bar_frame({}), symbols, error)
        return files.fetch(symbols, first, last)

    def former_names(self, symbol: str) -> tuple[NameChange, ...]:
        return self._files().former_names(symbol)

    def covers_hours(self, symbol: str) -> bool:
        return True

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        try:
            files = self._files()
        except SourceFault as error:
            return _nothing(hour_frame({}), symbols, error)
        return files.fetch_hours(symbols, first, last)

    def _files(self) -> FilesFeed:
        """The copy of what is in the store; `SourceFault` where the store does not give it."""
        try:
            folder = copied(self.place, copies(self.environ), self.environ)
        except Transient as error:
            raise SourceFault(Fault.PASSING, str(error)) from error
        except Refused as error:
            raise SourceFault(Fault.FINAL, str(error)) from error
        return FilesFeed(folder, self.calendar, continuous=self._continuous, now=self.now)


def _nothing(bars: pd.DataFrame, symbols: Sequence[str], error: SourceFault) -> Fetched:
    return Fetched(bars, action_frame(), dict.fromkeys(symbols, Missing(error.reason, error.fault)))
