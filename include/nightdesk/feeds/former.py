"""Bars of symbols under the names that they had before, from the feeds that know these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from nightdesk.core.calendar import as_date
from nightdesk.core.names import NameChange, changes_in, former_spans
from nightdesk.core.panel import Action
from nightdesk.feeds.chain import HealthStore, fetch_with_fallback
from nightdesk.feeds.feed import ACTION_COLUMNS, Feed, Fetched, Missing, action_frame, add_up, bar_frame
from nightdesk.feeds.source_fault import SourceFault

if TYPE_CHECKING:
    import pandas as pd

#: What stands behind the name of a source of bars, of a change of name that it was asked for.
OF_NAMES = " names"
KIND = "symbol_change"

FeedsOf = Mapping[str, Sequence[Feed]]


@dataclass(frozen=True)
class WithFormer:
    """Bars and actions with those of former names, each under its own; and the changes between them.

    Where a source did not tell what a symbol was called, that is among the missing.
    """

    fetched: Fetched
    changes: tuple[NameChange, ...] = ()


def with_former_bars(
    feeds: FeedsOf,
    fetched: Fetched,
    symbols: Sequence[str],
    first: date,
    last: date,
    health: HealthStore,
    *,
    known: Sequence[NameChange] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WithFormer:
    """Add what there is of symbols under their former names, up to the day before each change.

    A source that does not tell what a symbol was called, or has no bars under the old name, costs the history
    under it and nothing else.

    Parameters
    ----------
    feeds : mapping of symbol to sequence of Feed
        Of each symbol, in order.
    fetched : Fetched
        What came of the symbols themselves.
    symbols : sequence of str
        Those that are asked for.
    first, last : date
        Changes outside of them are of no interest.
    health : HealthStore
        Keeps the circuit breakers.
    known : sequence of NameChange
        What is known already beside what the feeds say.
    now : callable
        The clock, timezone-aware.

    Raises
    ------
    Refused
        When what a feed holds is malformed.
    """
    asked, unknown = _asked(feeds, symbols)
    said = {one: source for one, source in asked.items() if first <= as_date(one.day) <= last}
    changes = tuple(dict.fromkeys((*known, *changes_in(_actions(fetched.actions)), *said)))
    bars, actions, dropped = [fetched.bars], [fetched.actions, _frame(said)], dict(fetched.dropped)
    for symbol in symbols:
        for span in former_spans(symbol, changes):
            begin = first if span.first is None else max(first, as_date(span.first))
            end = as_date(span.end) - timedelta(days=1)
            if span.name in symbols or end < begin:
                continue
            of_name = {span.name: tuple(feeds[symbol])}
            came = fetch_with_fallback(of_name, [span.name], begin, end, health, now, or_nothing=True).fetched
            bars.append(came.bars)
            actions.append(came.actions)
            dropped = add_up(dropped, came.dropped)
    untold = {f"{symbol} (former names)": Missing(why) for symbol, why in unknown.items()}
    missing = {**fetched.missing, **untold}
    whole = replace(fetched, missing=missing, bars=_bars(bars), actions=_together(actions), dropped=dropped)
    return WithFormer(whole, changes)


def _asked(feeds: FeedsOf, symbols: Sequence[str]) -> tuple[dict[NameChange, str], dict[str, str]]:
    """What the first feed of each symbol that has an answer says of its names, with the feed; and faults."""
    said: dict[NameChange, str] = {}
    unknown: dict[str, str] = {}
    for symbol in symbols:
        for feed in feeds[symbol]:
            try:
                found = feed.former_names(symbol)
            except SourceFault as error:
                unknown[symbol] = f"{feed.name}: {error.reason}"
                continue
            for one in found:
                said.setdefault(one, feed.name)
            if found:
                break
    return said, unknown


def _frame(said: Mapping[NameChange, str]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (one.old, one.day.astype("datetime64[s]"), KIND, 1.0, f"{source}{OF_NAMES}", one.new, 0.0, "")
        for one, source in said.items()
    ]
    return action_frame(pd.DataFrame(rows, columns=list(ACTION_COLUMNS)))


def _actions(frame: pd.DataFrame) -> list[Action]:
    days = frame["session"].to_numpy().astype("datetime64[D]")
    names = ("kind", "value", "other", "cash", "note")
    rows = zip(frame["symbol"], days, *(frame[name] for name in names), strict=True)
    return [Action(*row) for row in rows]


def _bars(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    given = [one for one in frames if len(one)]
    whole = pd.concat(given) if given else bar_frame({})
    return bar_frame(whole.drop_duplicates(["symbol", "session"], keep="first"))


def _together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    given = [one for one in frames if len(one)]
    if not given:
        return action_frame()
    return action_frame(pd.concat(given).drop_duplicates(["symbol", "session", "kind"], keep="first"))
