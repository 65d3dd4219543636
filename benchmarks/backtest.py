"""The walk and the whole multi-asset book beside the plain loop, and the book's files beside the book."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import NamedTuple

import numpy as np

from benchmarks import plain_loop
from benchmarks.measurement import Measurement, medians
from nightdesk.cli.options import processors
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.panel import Bars, Column, Floats, Panel, build_panel
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.result_files import result_files
from nightdesk.research.backtest.run import backtest, walk

BOOK = Path(__file__).parents[1] / "books" / "multi_asset.yaml"
SESSIONS = 1260
#: Fifteen years, whose files are written.
WRITTEN_SESSIONS = 3780
#: Symbols and sessions of a large universe.
MANY = (500, 2520)
PLAIN_LIMIT, MANY_LIMIT, BOOK_LIMIT, FILES_LIMIT = 1.5, 1.5, 65.0, 1.25
FILES_RUNS = 3


class Account(NamedTuple):
    """Cash, units held, their worth, and what the session wants: weights, then changes of weight."""

    cash: float
    held: Floats
    worth: float
    weight: Floats | None = None


class PlainStrategy:
    """The plain loop's strategy as pluggable steps on arrays, of one session and the account each."""

    def __init__(self, close: Floats, threshold: float = plain_loop.THRESHOLD) -> None:
        self.close, self.threshold = close, threshold
        self.momentum, self.average, self.volatility = plain_loop.indicators(close)
        self.ready = np.isfinite(self.momentum[:, 0]).tolist()
        self.count = round(plain_loop.TOP * close.shape[1])
        self.equity = np.empty(len(close))

    def value(self, t: int, account: Account) -> Account:
        """Mark the account at the close."""
        return Account(account.cash, account.held, account.cash + float(account.held @ self.close[t]))

    def select(self, t: int, account: Account) -> Account:
        """Wanted weights: the strongest above their average, by inverse volatility."""
        if not self.ready[t]:
            return account
        best = np.argsort(-self.momentum[t], kind="stable")[: self.count]
        best = best[self.close[t, best] > self.average[t, best]]
        weight = np.zeros(self.close.shape[1])
        if len(best):
            inverse = 1.0 / self.volatility[t, best]
            weight[best] = (1.0 - plain_loop.CASH) * inverse / inverse.sum()
        return Account(account.cash, account.held, account.worth, weight)

    def limit(self, t: int, account: Account) -> Account:
        """Changes of weight, small ones left out."""
        if account.weight is None:
            return account
        change = account.weight - account.held * self.close[t] / account.worth
        change[np.abs(change) < self.threshold] = 0.0
        return Account(account.cash, account.held, account.worth, change)

    def fill(self, t: int, account: Account) -> Account:
        """Trade at the close, with costs."""
        if account.weight is None:
            return account
        price = self.close[t]
        traded = account.weight * account.worth / price
        costs = float((np.abs(traded) * price).sum()) * (plain_loop.COMMISSION + plain_loop.SLIPPAGE)
        return Account(account.cash - float(traded @ price) - costs, account.held + traded, account.worth)

    def note(self, t: int, account: Account) -> Account:
        """Write the session's equity down."""
        self.equity[t] = account.cash + float(account.held @ self.close[t])
        return account


def run_steps(close: Floats, threshold: float = plain_loop.THRESHOLD) -> Floats:
    """Equity of the plain strategy through the desk's walk, shape (n_sessions,)."""
    strategy = PlainStrategy(close, threshold)
    steps = (strategy.value, strategy.select, strategy.limit, strategy.fill, strategy.note)
    walk(range(len(close)), steps, Account(plain_loop.CAPITAL, np.zeros(close.shape[1]), plain_loop.CAPITAL))
    return strategy.equity


class GivenWeights(PlainStrategy):
    """The plain strategy's steps where its weights are given: a row of NaN decides nothing."""

    def __init__(self, close: Floats, weights: Floats, threshold: float) -> None:
        self.close, self.weights, self.threshold = close, weights, threshold
        self.ready = np.isfinite(weights[:, 0]).tolist()
        self.equity = np.empty(len(close))

    def select(self, t: int, account: Account) -> Account:
        """The weights of the session."""
        if not self.ready[t]:
            return account
        return Account(account.cash, account.held, account.worth, self.weights[t])


def run_given_steps(close: Floats, weights: Floats, threshold: float = plain_loop.THRESHOLD) -> Floats:
    """Equity through the desk's walk where weights are given, shape (n_sessions,)."""
    strategy = GivenWeights(close, weights, threshold)
    steps = (strategy.value, strategy.select, strategy.limit, strategy.fill, strategy.note)
    walk(range(len(close)), steps, Account(plain_loop.CAPITAL, np.zeros(close.shape[1]), plain_loop.CAPITAL))
    return strategy.equity


def seeded_panel(book: Book, close: Floats) -> Panel:
    """A panel of a book's universe with given closes, and a calm volatility index with one crisis."""
    sessions = get_calendar(book.calendar).sessions[-len(close) - 260 : -260]
    stress = np.exp(-(((np.arange(len(close)) - 0.6 * len(close)) / 40.0) ** 2))
    index = (16.0 + 30.0 * stress)[:, None]
    values = np.hstack([close, index])
    day, column = np.repeat(sessions, values.shape[1]), np.tile(np.arange(values.shape[1]), len(sessions))
    flat, volume = values.ravel(), np.full(values.size, 1e7)
    bars = Bars(column, day, flat, flat * 1.002, flat * 0.998, flat, volume)
    return build_panel(sessions, [Column(symbol) for symbol in book.panel_symbols], bars)


def run_book(book: Book, panel: Panel, folder: Path | None = None) -> Floats:
    """NAV of the whole book: data checks, factors, signals, sizing, every rule, orders, fills, ledger.

    With a `folder`, the files of the backtest are written there.
    """
    first, last = as_date(panel.sessions[0]), as_date(panel.sessions[-1])
    if folder is None:
        result = backtest(book, panel, first, last)
        metrics(result)
        return result.nav
    with result_files(folder, processes=processors()) as files:
        result = backtest(book, panel, first, last, follow=files.follow)
        files.finish(result, metrics(result))
    return result.nav


def measure() -> list[Measurement]:
    """The figures of this module; refuses to compare what does not agree."""
    return [*measure_books(), measure_files(), measure_many_symbols()]


def refuse_difference(close: Floats, threshold: float = plain_loop.THRESHOLD) -> None:
    """That the loop and the walk end with the same equity."""
    by_hand, by_steps = plain_loop.run(close, threshold)[-1], run_steps(close, threshold)[-1]
    if abs(by_hand - by_steps) > 1e-6:
        raise AssertionError(f"final equity differs: {by_hand!r} by hand, {by_steps!r} by steps")


def measure_many_symbols() -> Measurement:
    """Every symbol that is held or wanted trades in every session: nothing is saved by doing nothing."""
    close = plain_loop.seeded_closes(*MANY)
    refuse_difference(close, 0.0)
    loop, steps = medians(
        lambda: plain_loop.run(close, 0.0), lambda: run_steps(close, 0.0), clock=process_time
    )
    name = f"plain strategy through the walk, {MANY[0]} × {MANY[1]}, threshold 0"
    return Measurement(name, steps, "plain numpy loop", loop, MANY_LIMIT)


def measure_books() -> list[Measurement]:
    """The plain strategy and the whole book on the same closes."""
    close = plain_loop.seeded_closes(n_sessions=SESSIONS)
    refuse_difference(close)
    book = load_book(BOOK)
    panel = seeded_panel(book, close)
    loop, steps, whole = medians(
        lambda: plain_loop.run(close),
        lambda: run_steps(close),
        lambda: run_book(book, panel),
        clock=process_time,
    )
    size = f"{close.shape[1]} × {SESSIONS}"
    reference = "plain numpy loop"
    return [
        Measurement(f"plain strategy through the walk, {size}", steps, reference, loop, PLAIN_LIMIT),
        Measurement(f"whole multi-asset book, {size}", whole, reference, loop, BOOK_LIMIT),
    ]


def measure_files() -> Measurement:
    """A backtest of fifteen years with its files; two processes write, so what passes counts."""
    book = load_book(BOOK)
    panel = seeded_panel(book, plain_loop.seeded_closes(n_sessions=WRITTEN_SESSIONS))
    with TemporaryDirectory() as folder:
        without, written = medians(
            lambda: run_book(book, panel), lambda: run_book(book, panel, Path(folder)), runs=FILES_RUNS
        )
    name = f"a backtest of {WRITTEN_SESSIONS:,} sessions with its files"
    return Measurement(name, written, "the same without", without, FILES_LIMIT)
