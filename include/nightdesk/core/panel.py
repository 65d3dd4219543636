"""The panel: the bars of many symbols over many periods as periods × symbols arrays.

Every computation of the desk runs on a panel, whoever made it: the store, a file or the sample market. Its
rows are the instants of a schedule: the sessions of a daily book, the hours of an hourly one
(`nightdesk.core.hours`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.bar_layout import FILL_FIELDS as FILL_FIELDS
from nightdesk.core.bar_layout import Bars as Bars
from nightdesk.core.bar_layout import gather_days, lay_out, rows_by_column, rows_of
from nightdesk.core.calendar import Sessions
from nightdesk.core.corporate.findings import ActionFinding
from nightdesk.core.corporate.judgement import judge_actions
from nightdesk.core.corporate.kinds import ACTION_KINDS as ACTION_KINDS
from nightdesk.core.corporate.kinds import ENDINGS as ENDINGS
from nightdesk.core.corporate.kinds import EVENT_KINDS as EVENT_KINDS
from nightdesk.core.corporate.kinds import Action as Action
from nightdesk.core.corporate.kinds import ActionKind as ActionKind
from nightdesk.core.corporate.soundness import Prices
from nightdesk.core.errors import Refused
from nightdesk.core.funding import NO_HISTORY, FundingHistory
from nightdesk.core.gathering import SessionHours, gather_hours
from nightdesk.core.names import NameChange, continue_names
from nightdesk.core.schedule import SESSIONS_A_YEAR, Instants

if TYPE_CHECKING:
    from nightdesk.core.book import Book

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """One symbol of a panel and how its bars fall on sessions.

    `continuous` is true for a market that never closes (crypto, daily bars of whole UTC days), `index` for
    one that cannot be traded and so has no corporate actions. `hours` is how old the last of the hours may be
    that a continuous one is gathered from; None: it is gathered from days.
    """

    symbol: str
    continuous: bool = False
    index: bool = False
    hours: int | None = None


@dataclass(frozen=True)
class Hours:
    """What a panel has beside its bars when its rows are hours and not sessions; n_rows of them.

    Attributes
    ----------
    instants : ndarray of shape (n_rows,), datetime64[s]
        The end of each row's bar, UTC: the `as_of` of its decision.
    day : ndarray of shape (n_rows,), intp
        The newest session that was over at each instant, as a row of `days`: the session before until its
        close, then its own; -1 where there is none.
    opens : bool ndarray of shape (n_rows,)
        Whether the row's bar is the first of its session.
    closes : bool ndarray of shape (n_rows,)
        Whether the row's bar ends with the close of its session.
    mean : ndarray of shape (n_rows, n_symbols)
        Mean of open, high, low and close of the first bar after the decision before, raw dollars to six
        places; NaN without a bar.
    days : Panel
        The sessions, with the same columns.
    periods_a_year : float
        By which figures of an hour are made figures of a year.
    """

    instants: Instants
    day: NDArray[np.intp]
    opens: NDArray[np.bool_]
    closes: NDArray[np.bool_]
    mean: Floats
    days: Panel
    periods_a_year: float

    def until(self, length: int) -> Hours:
        """The first `length` rows, and the sessions that were over by the last of them."""
        rows = {name: getattr(self, name)[:length] for name in ("instants", "day", "opens", "closes", "mean")}
        over = int(self.day[length - 1]) + 1 if length else 0
        return replace(self, **rows, days=self.days.until(over))


@dataclass(frozen=True)
class Panel:
    """Bars and corporate actions of `n_symbols` symbols over `n_sessions` sessions.

    Where `hours` is given the rows are hours: what is said of a session here is meant of an hour, and an
    action counts in the first hour of its session.

    All arrays have shape (n_sessions, n_symbols) and are float64; NaN says that there is no bar. Prices are
    raw dollars of their own session.

    Attributes
    ----------
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        The session of each row, ascending.
    open, high, low, close, volume
        The bar that was complete at the session's close. For a continuous market: the whole UTC days since
        the session before, or the hours since its close; see `nightdesk.core.gathering`.
    fill_open, fill_low, fill_high, fill_volume
        What an order decided at the session before meets: the open of the first bar after that decision, the
        lowest and the highest price after that decision of bars that are complete at the session's close, and
        the volume that bounds the fill (units). Of a continuous market only the whole UTC days in between
        count for low and high: those of a weekend or a holiday, none (NaN) on other days; of hours all that
        began after the decision.
    adjustment
        Forward adjustment factor: adjusted price = raw price × factor. It is 1 at the first session and an
        action changes nothing before its own date.
    dividend
        Cash per share with its ex-date in the session, 0 where there is none.
    split
        Shares after for one before, 1 where there is no split.
    unexplained
        Ratio of a source's adjustment that is no plausible action and waits for a person, NaN where there is
        none. It counts neither in `adjustment` nor in `dividend`.
    accepted
        1 where a person took the price of the session as it is, else 0.
    sentiment
        Mean score of the headlines that were published after the row before and up to this one, from -1 to 1,
        NaN without any; None where the book has no news.
    events : tuple of tuple of Action, length n_sessions
        The actions of `EVENT_KINDS` that count from each session's open, in the order of that list; empty
        where a panel knows none at all.
    findings : tuple of ActionFinding
        What was inferred, asked or refused of the corporate actions, ascending; see
        `nightdesk.core.corporate.judgement`.
    hours : Hours or None
        None where the rows are sessions.
    funding : FundingHistory
        Rates of perpetuals that have a history; asked by instants, whatever the rows are.
    named_from : ndarray of shape (n_symbols,), intp, or None
        The first row in which a symbol has its name; the rows before it are its history under former names,
        of which factors are computed and nothing is decided. None: no symbol had another name.
    facts : mapping of str to ndarray of shape (n_sessions, n_symbols)
        What was known of facts beside prices at each row, by the names of their factors; empty in a book that
        reads none. See `nightdesk.core.fact_arrays`.
    """

    sessions: Sessions
    symbols: tuple[str, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    fill_open: Floats
    fill_low: Floats
    fill_high: Floats
    fill_volume: Floats
    adjustment: Floats
    dividend: Floats
    split: Floats
    unexplained: Floats
    accepted: Floats
    sentiment: Floats | None = None
    events: tuple[tuple[Action, ...], ...] = ()
    findings: tuple[ActionFinding, ...] = ()
    hours: Hours | None = None
    funding: FundingHistory = NO_HISTORY
    named_from: NDArray[np.intp] | None = None
    facts: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sessions)

    def column(self, symbol: str) -> int:
        """Index of `symbol` among the columns; `KeyError` when the panel does not hold it."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise KeyError(f"{symbol} is not in this panel of {', '.join(self.symbols)}") from None

    def until(self, length: int) -> Panel:
        """The first `length` rows: what a decision at row `length - 1` may know."""
        arrays = {name: getattr(self, name) for name in _BY_SESSION}
        cut: dict[str, Any] = {name: one[:length] for name, one in arrays.items() if one is not None}
        last = self.sessions[length - 1] if length else None
        found = tuple(one for one in self.findings if last is not None and one.session <= last)
        hours = None if self.hours is None else self.hours.until(length)
        facts = {name: one[:length] for name, one in self.facts.items()}
        return replace(self, **cut, findings=found, hours=hours, facts=facts)

    def newest(self, count: int) -> Panel:
        """The last `count` rows of a panel of sessions, or all where it has fewer; the arrays are views.

        Raises
        ------
        Refused
            When its rows are hours: take `days` of it.
        """
        if self.hours is not None:
            raise Refused("the newest sessions of a panel of hours are those of its days: ask these")
        return self._from(max(0, len(self) - count))

    def since(self, session: np.datetime64) -> Panel:
        """The rows of `session` and later ones, of hours with the sessions since; the arrays are views.

        Adjustment factors stay those of the whole panel: adjusted prices are in the same dollars as there.
        """
        cut = self._from(int(np.searchsorted(self.sessions, session)))
        if self.hours is None or cut.hours is None:
            return cut
        first = int(np.searchsorted(self.hours.days.sessions, session))
        day = np.maximum(cut.hours.day - first, -1)
        return replace(cut, hours=replace(cut.hours, day=day, days=self.hours.days._from(first)))

    def _from(self, first: int) -> Panel:
        """The rows from `first` on; of hours, with all sessions behind them as they are."""
        arrays = {name: getattr(self, name) for name in _BY_SESSION}
        cut: dict[str, Any] = {name: one[first:] for name, one in arrays.items() if one is not None}
        found = tuple(
            one for one in self.findings if first < len(self) and one.session >= self.sessions[first]
        )
        named = None if self.named_from is None else np.maximum(self.named_from - first, 0)
        facts = {name: one[first:] for name, one in self.facts.items()}
        hours = self.hours
        if hours is not None:
            names = ("instants", "day", "opens", "closes", "mean")
            hours = replace(hours, **{name: getattr(hours, name)[first:] for name in names})
        return replace(self, **cut, findings=found, named_from=named, facts=facts, hours=hours)

    def columns(self, cut: slice | NDArray[np.intp]) -> Panel:
        """Some of the columns as a panel, for what is computed by column; the arrays of a slice are views.

        What it has of hours and of funding is that of the whole panel.
        """
        arrays = {name: getattr(self, name) for name in _BY_SESSION if name not in ("sessions", "events")}
        some: dict[str, Any] = {name: one[:, cut] for name, one in arrays.items() if one is not None}
        facts = {name: one[:, cut] for name, one in self.facts.items()}
        named = None if self.named_from is None else self.named_from[cut]
        symbols = tuple(np.array(self.symbols, dtype=object)[cut])
        return replace(self, **some, symbols=symbols, facts=facts, named_from=named)

    @property
    def unnamed(self) -> NDArray[np.bool_] | None:
        """Where a symbol did not have its name yet, of shape (n_sessions, n_symbols); None: nowhere."""
        if self.named_from is None:
            return None
        before: NDArray[np.bool_] = np.arange(len(self))[:, None] < self.named_from
        return before if before.any() else None

    @property
    def days(self) -> Panel:
        """The panel of the sessions: this one, or that behind hours."""
        return self if self.hours is None else self.hours.days

    @property
    def periods_a_year(self) -> float:
        """By how many rows figures are made figures of a year."""
        return float(SESSIONS_A_YEAR) if self.hours is None else self.hours.periods_a_year

    def by_row[D: np.generic](self, of_sessions: NDArray[D], absent: Any) -> NDArray[D]:
        """What is known of sessions, in the rows of this panel: of the newest session that was over.

        Parameters
        ----------
        of_sessions : ndarray of shape (n_days, ...)
            A row for each session of `days`.
        absent : object
            Where no session was over.
        """
        if self.hours is None:
            return of_sessions
        out = np.full((len(self), *of_sessions.shape[1:]), absent, dtype=of_sessions.dtype)
        over = self.hours.day >= 0
        out[over] = of_sessions[self.hours.day[over]]
        return out

    @cached_property
    def adjusted_close(self) -> Floats:
        """Close × adjustment."""
        return self.close * self.adjustment

    @cached_property
    def returns(self) -> Floats:
        """Simple returns of the adjusted close, session to session; NaN at the start and beside a gap."""
        out = np.full_like(self.close, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            out[1:] = self.adjusted_close[1:] / self.adjusted_close[:-1] - 1.0
        return out

    @cached_property
    def last_close(self) -> Floats:
        """Newest raw close up to each session, restated for splits since: what a position is marked at."""
        return _carry_forward(self.close, self.split)

    @cached_property
    def age(self) -> NDArray[np.int64]:
        """Sessions since the newest bar of each symbol: 0 with a bar, -1 before its first bar."""
        row = np.arange(len(self))[:, None]
        newest = np.maximum.accumulate(np.where(np.isfinite(self.close), row, -1), axis=0)
        return np.where(newest >= 0, row - newest, -1)


_BY_SESSION = tuple(
    one.name
    for one in fields(Panel)
    if one.name not in ("symbols", "findings", "hours", "funding", "named_from", "facts")
)


def book_columns(book: Book) -> tuple[Column, ...]:
    """The columns of a book's panel, `Book.panel_symbols`."""
    # Asked once: each of them goes through the whole universe.
    continuous, index, hours = set(book.continuous_symbols), book.volatility_index, book.hour_closes
    return tuple(
        Column(name, name in continuous, name == index and name not in book.universe, hours.get(name))
        for name in book.panel_symbols
    )


def build_panel(
    sessions: Sessions,
    columns: Sequence[Column],
    bars: Bars,
    actions: Sequence[Action] = (),
    *,
    previous_session: np.datetime64 | None = None,
    hours: SessionHours | None = None,
    changes: Sequence[NameChange] = (),
) -> Panel:
    """Lay bars and actions out on sessions.

    Parameters
    ----------
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Ascending.
    columns : sequence of Column
        The symbols, in the order of the panel's columns.
    bars : Bars
        Rows that fall on no session are left out, but for continuous markets, whose days are gathered into
        the session that follows them.
    actions : sequence of Action
        Those of symbols or dates outside the panel are left out.
    previous_session : datetime64[D], optional
        The session before the first one; only continuous markets ask for it.
    hours : SessionHours, optional
        Those of the columns that are gathered from hours.
    changes : sequence of NameChange
        By which bars and actions of former names count for the columns. Those of the name `k` of
        `former_names(symbols, changes)` have the column `len(columns) + k`.

    Returns
    -------
    Panel
        With NaN where no bar is.
    """
    symbols, named = tuple(column.symbol for column in columns), None
    if changes:
        found = continue_names(symbols, bars.column, bars.day, actions, changes)
        kept = {one.name: getattr(bars, one.name)[found.rows] for one in fields(Bars)}
        bars, actions = Bars(**kept | {"column": found.column}), found.actions
        named = found.first_rows(symbols, sessions)
    shape = (len(sessions), len(columns))
    arrays: dict[str, Any] = {
        name: np.full(shape, np.nan) for name in ("open", "high", "low", "close", "volume")
    }
    continuous = np.array([column.continuous for column in columns], dtype=bool)
    row = rows_of(sessions, bars.day)
    plain = row >= 0
    if continuous.any():
        plain &= ~continuous[bars.column]
    lay_out(arrays, bars, row * len(columns) + bars.column, plain)
    # Of a market that closes an order meets the bar itself: the same arrays, where there is no other market.
    fills = {name: arrays[name].copy() if continuous.any() else arrays[name] for name in FILL_FIELDS}
    first_before = previous_session if previous_session is not None else sessions[0] - np.timedelta64(1, "D")
    before = np.concatenate(([first_before], sessions[:-1]))
    for at, mine in rows_by_column(bars.column, continuous):
        gathered = gather_days(sessions, before, bars, mine)
        within = columns[at].hours
        if within is not None and hours is not None:
            gathered = gather_hours(gathered, hours, int(at), within)
        for name, array in arrays.items():
            array[:, at] = gathered[name]
        for name, array in fills.items():
            array[:, at] = gathered[f"fill_{name}"]
    indices = {column.symbol for column in columns if column.index}
    dated = [one for one in actions if one.symbol not in indices]
    prices = Prices(**{name: arrays[name] for name in ("open", "high", "low", "close")})
    judged = judge_actions(sessions, symbols, prices, dated)
    return Panel(
        sessions=sessions,
        symbols=symbols,
        **{f"fill_{name}": array for name, array in fills.items()},
        adjustment=judged.adjustment,
        dividend=judged.dividend,
        split=judged.split,
        unexplained=judged.unexplained,
        accepted=judged.accepted,
        findings=judged.findings,
        events=lay_events(sessions, columns, [one for one in dated if one not in judged.refused]),
        named_from=named,
        **arrays,
    )


def lay_events(
    sessions: Sessions, columns: Sequence[Column], actions: Sequence[Action]
) -> tuple[tuple[Action, ...], ...]:
    """The actions of `EVENT_KINDS` by session; one between sessions counts from the next."""
    known = {column.symbol for column in columns}
    laid: list[list[Action]] = [[] for _ in sessions]
    ranked = sorted(
        (one for one in actions if one.kind in EVENT_KINDS and one.symbol in known),
        key=lambda one: (one.day, EVENT_KINDS.index(one.kind), one.symbol),
    )
    for action in ranked:
        t = int(np.searchsorted(sessions, action.day))
        if 0 < t < len(sessions):
            laid[t].append(action)
    return tuple(map(tuple, laid))


def _carry_forward(close: Floats, split: Floats) -> Floats:
    """Each column's newest value so far, divided by the splits since."""
    grown = np.cumprod(split, axis=0)
    row = np.arange(len(close))[:, None]
    newest = np.maximum.accumulate(np.where(np.isfinite(close), row, -1), axis=0)
    at = np.maximum(newest, 0)
    carried = np.take_along_axis(close, at, axis=0) * np.take_along_axis(grown, at, axis=0) / grown
    carried = np.where(newest == row, close, carried)
    return np.where(newest >= 0, carried, np.nan)
