"""What a book holds as its page shows it: a line a strategy and symbol, with its entry, stop and age."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import Refused
from nightdesk.engine import resolve
from nightdesk.engine.exits import sessions_held
from nightdesk.session.protection_lines import protection_words
from nightdesk.store.decision_rows import targets_of
from nightdesk.store.ledger_rows import positions_of
from nightdesk.store.member_rows import not_members
from nightdesk.store.protection_rows import StandingProtection, standing_protections

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.core.exit_plan import ExitPlan, Stop
    from nightdesk.session.context import Context


@dataclass(frozen=True)
class StopPrice:
    """The price at which a position is left, dollars as prices are quoted, and what says so."""

    price: float
    words: str


@dataclass(frozen=True)
class HeldPosition:
    """One strategy's position in a symbol at the mark.

    Attributes
    ----------
    quantity, value, profit : Decimal
        Signed units; what they stand for, and not yet realised, dollars.
    entry_price, price : Decimal
        Average entry and mark, dollars as prices are quoted; `price` is None where no bar gave one.
    weight : float
        Share of NAV.
    entered : date or None
        Session of the oldest unit.
    age : int or None
        Sessions held, that one counted.
    stop : StopPrice or None
        The nearest of its stops; None where it has none.
    group, asset_class, account : str
    bundle : str
        Of which bundle it is a leg, by strategy and code; empty for none.
    protection : str
        What rests for it at its broker, or why nothing does; empty where no order is asked for.
    protected : bool
        Whether something rests.
    leaving : bool
        Whether it is no member of the universe any more, so that it is only reduced.
    """

    symbol: str
    strategy: str
    quantity: Decimal
    entry_price: Decimal
    price: Decimal | None
    value: Decimal
    profit: Decimal
    weight: float
    entered: date | None
    age: int | None
    stop: StopPrice | None
    group: str
    asset_class: str
    account: str
    bundle: str = ""
    leaving: bool = False
    protection: str = ""
    protected: bool = False


def held_positions(context: Context, nav: Decimal) -> tuple[HeldPosition, ...]:
    """What a book holds at the mark of a decision, the symbol with the largest value first.

    Parameters
    ----------
    context : Context
        The decision; only read from.
    nav : Decimal
        At its mark, dollars.
    """
    conn, book, as_of = context.conn, context.book.name, context.as_of
    rows = [row for row in positions_of(conn, book, as_of) if row["quantity"]]
    if not rows:
        return ()
    wanted = {(row["strategy"], row["symbol"]): row for row in targets_of(conn, book, as_of)}
    gone = frozenset(not_members(conn, book, as_of))
    plans, stops = stops_by(context.book)
    averages = symbol_averages(rows)
    resting = {(one.strategy, one.symbol): one for one in standing_protections(conn, book, as_of)}
    held = [
        _position(
            context,
            row,
            nav,
            wanted.get((row["strategy"], row["symbol"])),
            plans.get(row["strategy"]),
            stops.get(row["symbol"]),
            averages.get(row["symbol"]),
            resting.get((row["strategy"], row["symbol"])),
            leaving=row["symbol"] in gone,
        )
        for row in rows
    ]
    size: dict[str, Decimal] = {}
    for one in held:
        size[one.symbol] = size.get(one.symbol, Decimal(0)) + one.value
    return tuple(sorted(held, key=lambda one: (-abs(size[one.symbol]), one.symbol, one.strategy)))


def stops_by(book: Book) -> tuple[Mapping[str, ExitPlan], Mapping[str, Stop]]:
    """Exit plans by strategy and the rule's stops by symbol; none of a book whose plug-ins are gone."""
    try:
        desk = resolve(book)
    except Refused:
        return {}, {}
    return desk.exit_plans, desk.stops


def symbol_averages(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The average entry of each symbol over its strategies, which the rule `stop_loss` goes by.

    Parameters
    ----------
    rows : iterable of mapping
        Positions: symbol, cost, quantity (both signed) and multiplier. Where strategies hold nothing between
        them, there is no average.
    """
    units: dict[str, Decimal] = {}
    costs: dict[str, Decimal] = {}
    for row in rows:
        symbol = row["symbol"]
        units[symbol] = units.get(symbol, Decimal(0)) + row["quantity"] * row["multiplier"]
        costs[symbol] = costs.get(symbol, Decimal(0)) + row["cost"]
    return {symbol: float(costs[symbol] / held) for symbol, held in units.items() if held}


def _position(
    context: Context,
    row: Mapping[str, Any],
    nav: Decimal,
    target: Mapping[str, Any] | None,
    plan: ExitPlan | None,
    rule: Stop | None,
    net_average: float | None,
    protection: StandingProtection | None,
    *,
    leaving: bool,
) -> HeldPosition:
    book, symbol, entered = context.book, row["symbol"], row["entry_session"]
    listed = book.universe.get(symbol)
    average = row["cost"] / row["quantity"] / row["multiplier"]
    bundle = "" if target is None or not target["bundle"] else f"{row['strategy']} {target['bundle']}"
    return HeldPosition(
        symbol=symbol,
        strategy=row["strategy"],
        quantity=row["quantity"],
        entry_price=average,
        price=row["price"],
        value=row["market_value"],
        profit=row["market_value"] - row["cost"],
        weight=float(row["market_value"] / nav) if nav else 0.0,
        entered=entered,
        age=None if entered is None else sessions_held(book.calendar, entered, context.session),
        stop=stop_price(float(average), row["quantity"] > 0, target, plan, rule, net_average),
        group="" if listed is None else listed.group,
        asset_class=book.class_of(symbol),
        account=row["account"],
        bundle=bundle,
        leaving=leaving,
        protection=protection_words(protection) if protection is not None and protection.is_asked else "",
        protected=protection is not None and protection.rests,
    )


def stop_price(
    average: float,
    is_long: bool,
    target: Mapping[str, Any] | None,
    plan: ExitPlan | None,
    rule: Stop | None,
    net_average: float | None = None,
) -> StopPrice | None:
    """The nearest price at which a position is left whole; None where nothing stops it.

    Parameters
    ----------
    average : float
        Average entry, dollars as prices are quoted.
    is_long : bool
        A long is stopped below its entry, a short above it.
    target : mapping, optional
        Its row of the decision's targets, whose `stop_distance` was fixed when it was opened, dollars.
    plan : ExitPlan, optional
        Its strategy's, whose stop may be a share of the entry.
    rule : Stop, optional
        Of the rule `stop_loss`: shares of the average entry of the symbol over all strategies.
    net_average : float, optional
        That average, as of `symbol_averages`; by default the position is the symbol's only one.
    """
    towards = -1 if is_long else 1
    prices: list[tuple[float, str]] = []
    if target is not None and 0 < (target["stop_distance"] or 0) < math.inf:
        at = average + towards * float(target["stop_distance"])
        prices.append((at, "its strategy's stop, fixed when it was opened"))
    if plan is not None and plan.stop is not None and plan.stop.share is not None:
        share = plan.stop.share
        prices.append((average * (1 + towards * share), f"its strategy's stop, {share:.1%} from the entry"))
    if rule is not None:
        at = (average if net_average is None else net_average) * (1 + towards * rule.leave)
        prices.append((at, f"the rule stop_loss, {rule.leave:.1%} from the symbol's average entry"))
    if not prices:
        return None
    price, words = max(prices) if is_long else min(prices)
    return StopPrice(price, words)


@dataclass(frozen=True)
class ExposureLine:
    """What lies in one group, asset class or account: absolute and signed share of NAV, and how many."""

    name: str
    gross: float
    net: float
    positions: int


@dataclass(frozen=True)
class ExposureTable:
    """The exposure of a book by one measure, the largest first."""

    title: str
    lines: tuple[ExposureLine, ...]


def exposures(held: Iterable[HeldPosition], *, accounts: bool) -> tuple[ExposureTable, ...]:
    """The exposure by group, by asset class and, with `accounts`, by account.

    A symbol's positions of several strategies are netted before they are counted.
    """
    net: dict[str, list[HeldPosition]] = {}
    for one in held:
        net.setdefault(one.symbol, []).append(one)
    by = {
        "By group": lambda one: one.group or one.asset_class,
        "By asset class": lambda one: one.asset_class,
        **({"By account": lambda one: one.account} if accounts else {}),
    }
    return tuple(ExposureTable(title, _lines(net.values(), of)) for title, of in by.items() if net)


def _lines(symbols: Iterable[list[HeldPosition]], of: Any) -> tuple[ExposureLine, ...]:
    shares: dict[str, list[float]] = {}
    for parts in symbols:
        shares.setdefault(of(parts[0]), []).append(sum(one.weight for one in parts))
    lines = [
        ExposureLine(name, sum(map(abs, found)), sum(found), len(found)) for name, found in shares.items()
    ]
    return tuple(sorted(lines, key=lambda one: (-one.gross, one.name)))
