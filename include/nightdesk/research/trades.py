"""The trades of a backtest: every position from flat to flat, what it earned, and why it began and ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from nightdesk.decision.exits import Cause
from nightdesk.decision.injection import WORDS
from nightdesk.decision.telling import age_words, dropped_words, sessions_held, stop_words, target_words
from nightdesk.execution.ledger import Entry, Position, value
from nightdesk.execution.money import ZERO, to_price
from nightdesk.risk import words

if TYPE_CHECKING:
    from nightdesk.research.backtest import Result

Row = tuple[object, ...]

TRADE_COLUMNS = (
    "strategy", "symbol", "entry_session", "entry_price", "exit_session", "exit_price", "quantity",
    "sessions", "profit", "return", "entry_reason", "exit_reason",
)  # fmt: skip
DROPPED_COLUMNS = ("session", "strategy", "symbol", "filter", "other", "value", "limit", "words")


@dataclass(frozen=True, slots=True)
class Trade:
    """A position of a strategy from the fill that opened it to the one that left nothing of it.

    Attributes
    ----------
    side : int
        1 of a position that was bought, -1 of one that was sold short.
    opened, closed : int
        Places of the sessions among those decided; `closed` is None while it is open.
    entered, left : Decimal
        Units by which it grew and shrank, restated for splits; positive.
    paid, received : Decimal
        Dollars of these without commission; positive.
    profit : Decimal
        Dollars, commission and dividends included; of an open trade with what it is worth at the last mark.
    ended_by : str
        Kind of the ledger entry that closed it.
    opened_as : str
        The symbol of its first fill, where it has become another since; else empty.
    """

    strategy: str
    symbol: str
    side: int
    opened: int
    closed: int | None = None
    entered: Decimal = ZERO
    left: Decimal = ZERO
    paid: Decimal = ZERO
    received: Decimal = ZERO
    profit: Decimal = ZERO
    ended_by: str = ""
    opened_as: str = ""

    @property
    def entry_price(self) -> Decimal:
        """Average dollars a unit, restated for splits."""
        return to_price(self.paid / self.entered)

    @property
    def exit_price(self) -> Decimal | None:
        """Average dollars a unit of what was closed, restated for splits; None before anything was."""
        return to_price(self.received / self.left) if self.left else None


def trades(result: Result) -> list[Trade]:
    """All trades: those that are closed in the order of their ends, then the open ones.

    Their profits add up to what the book has earned, to the cent, while no cash moves for the whole book.
    """
    open_trades: dict[tuple[str, str], Trade] = {}
    positions: dict[tuple[str, str], Position] = {}
    done: list[Trade] = []
    moving: dict[tuple[str, str], Trade] = {}
    for at, one in enumerate(result.decided):
        for entry in one.entries:
            if not entry.symbol:
                continue
            key = (entry.strategy, entry.symbol)
            before = positions.get(key) or Position(*key)
            after = positions[key] = before.after(entry)
            trade = open_trades.pop(key, None) or _begun(entry, after.quantity, at)
            if entry.kind == "exchange":
                event = (entry.strategy, entry.reference)
                if event not in moving:  # the leg that gives comes first
                    rest, moving[event] = _given(trade, entry, after)
                else:
                    rest = _received(moving[event], trade if before.quantity else None, entry)
                if rest is not None:
                    open_trades[key] = rest
                continue
            ended, rest = _carried(trade, entry, before, after, at)
            if ended is not None:
                done.append(ended)
            if rest is not None:
                open_trades[key] = rest
    last = result.decided[-1]
    prices = result.market.prices(last.t)
    worth = {key: value(positions[key], prices[key[1]]) for key in open_trades}
    return done + [replace(one, profit=one.profit + worth[key]) for key, one in sorted(open_trades.items())]


def _begun(entry: Entry, quantity: Decimal, at: int) -> Trade:
    return Trade(entry.strategy, entry.symbol, 1 if quantity >= 0 else -1, at)


def _carried(
    trade: Trade, entry: Entry, before: Position, after: Position, at: int
) -> tuple[Trade | None, Trade | None]:
    """The trade that an entry ends, and the one that goes on after it."""
    earned = trade.profit + entry.cash
    if not entry.quantity:
        return None, replace(trade, profit=earned)
    if entry.kind == "split":
        ratio = after.quantity / before.quantity
        return None, replace(trade, entered=trade.entered * ratio, left=trade.left * ratio, profit=earned)
    money = -(entry.cash + entry.commission)
    if before.quantity * entry.quantity >= 0:
        grown = replace(trade, entered=trade.entered + abs(entry.quantity), paid=trade.paid + abs(money))
        return None, replace(grown, profit=earned)
    turns = before.quantity * after.quantity < 0
    opening = after.cost if turns else ZERO
    shrunk = replace(
        trade,
        left=trade.left + (abs(before.quantity) if turns else abs(entry.quantity)),
        received=trade.received + abs(money - opening),
        profit=earned + opening,
    )
    if not after.quantity or turns:
        ended = replace(shrunk, closed=at, ended_by=entry.kind)
        begun = replace(
            _begun(entry, after.quantity, at),
            entered=abs(after.quantity),
            paid=abs(opening),
            profit=-opening,
        )
        return ended, begun if turns else None
    return None, shrunk


def _given(trade: Trade, entry: Entry, after: Position) -> tuple[Trade | None, Trade]:
    """What stays of a trade whose symbol becomes another, and what goes on as that."""
    if not after.quantity:
        return None, replace(trade, profit=trade.profit + entry.cash)
    part = abs(entry.cost)
    stays = replace(trade, paid=max(trade.paid - part, ZERO), profit=trade.profit - entry.cost)
    return stays, replace(trade, entered=ZERO, left=ZERO, paid=part, received=ZERO, profit=entry.cost)


def _received(moved: Trade, there: Trade | None, entry: Entry) -> Trade:
    """The trade under its new symbol, together with one that is open there."""
    held = moved.entered - moved.left
    grown = abs(entry.quantity) / held if held else ZERO
    goes = replace(
        moved,
        symbol=entry.symbol,
        entered=moved.entered * grown if held else abs(entry.quantity),
        left=moved.left * grown,
        opened_as=moved.opened_as or moved.symbol,
    )
    if there is None:
        return goes
    sums = {
        name: getattr(there, name) + getattr(goes, name)
        for name in ("entered", "left", "paid", "received", "profit")
    }
    return replace(there, opened=min(there.opened, goes.opened), **sums)


def trade_rows(result: Result) -> Iterator[Row]:
    """The trades with their reasons; of an open one exit session, price and reason are empty.

    `quantity` is what the position grew to in all, restated for splits and negative of a short one;
    `sessions` counts the first and, of an open trade, the last mark; `return` is of what was paid.
    """
    calendar, marks = result.desk.book.calendar, [one.state.mark.session for one in result.decided]
    for one in trades(result):
        closed = one.closed
        last = marks[-1] if closed is None else marks[closed - 1]
        yield (
            one.strategy,
            one.symbol,
            marks[one.opened],
            one.entry_price,
            "" if closed is None else marks[closed],
            "" if closed is None else one.exit_price,
            one.entered * one.side,
            sessions_held(calendar, marks[one.opened], max(last, marks[one.opened])),
            one.profit,
            float(one.profit / one.paid) if one.paid else "",
            _said(result, replace(one, symbol=one.opened_as or one.symbol), one.opened - 1),
            "" if closed is None else _why_left(result, one, closed, marks[one.opened]),
        )


def _said(result: Result, trade: Trade, at: int) -> str:
    """The strategy's words on the symbol in the decision that stands at `at`."""
    t, desk = result.decided[at].t, result.desk
    if (result.market.sessions[t], trade.strategy, trade.symbol) in result.market.injected:
        return WORDS
    said = result.market.signals[trade.strategy]
    return desk.strategies[trade.strategy].explain(result.view, said, t, desk.column[trade.symbol])


def _why_left(result: Result, trade: Trade, closed: int, entered: date) -> str:
    """Why the decision before the session in which a trade closed left nothing of it."""
    if trade.ended_by in ("adjustment", "redemption"):
        return "paid out after a corporate action"
    desk, decided = result.desk, result.decided[closed - 1]
    s, n = desk.strategy_row[trade.strategy], desk.column[trade.symbol]
    position = decided.state.ledger.positions.get((trade.strategy, trade.symbol))
    match Cause(int(decided.targets.cause[s, n])):
        case (Cause.STOP | Cause.TARGET) as cause if position is not None:
            carried, price = decided.targets.carried, float(result.market.price[decided.t, n])
            average = float(position.average_cost or 0)
            if cause == Cause.STOP:
                return stop_words(price, average, float(carried.stop_distance[s, n]))
            return target_words(price, average, float(carried.target_distance[s, n]))
        case Cause.AGE:
            most = desk.exit_plans[trade.strategy].sessions or 0
            return age_words(sessions_held(desk.book.calendar, entered, decided.state.mark.session), most)
    if decided.targets.quantity[s, n] != 0:
        cuts = [
            verdict
            for verdict in decided.gated.verdicts(desk.symbols)
            if verdict.symbol == trade.symbol and verdict.action != "approve"
        ]
        if cuts:
            return words(cuts[-1])
    return _said(result, trade, closed - 1)


def dropped_rows(result: Result) -> Iterator[Row]:
    """Entries that the book's filters took away before the gate."""
    strategies, symbols = tuple(result.desk.strategies), result.desk.symbols
    for one in result.decided:
        for gone in one.targets.dropped:
            other = (strategies if gone.filter == "superseded" else symbols)[gone.other]
            yield (
                one.state.mark.session,
                strategies[gone.strategy],
                symbols[gone.symbol],
                gone.filter,
                other,
                gone.value,
                gone.limit,
                dropped_words(gone.filter, other, gone.value, gone.limit),
            )
