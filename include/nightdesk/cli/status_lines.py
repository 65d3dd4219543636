"""What `status` has found, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nightdesk.cli.output import table

if TYPE_CHECKING:
    from nightdesk.alerts.position_lines import HoldingLine, PositionLine


def told(
    books: list[dict[str, Any]], others: list[dict[str, Any]], feeds: list[dict[str, Any]]
) -> Iterator[str]:
    """What `status` has found of books, of alerts of the desk itself, and of the sources of data."""
    if not books:
        yield "no book was started: `nightdesk up` starts the desk, `nightdesk run` decides one session"
    for one in books:
        yield from _book_lines(one)
        yield ""
    if others:
        yield from _alert_lines(others)
        yield ""
    yield from _feed_lines(feeds)


def position_line(row: Mapping[str, Any]) -> PositionLine:
    """A row of `positions` as a line for people."""
    from nightdesk.alerts.position_lines import PositionLine

    return PositionLine(
        symbol=row["symbol"],
        strategy=row["strategy"],
        quantity=row["quantity"],
        average_cost=row["cost"] / row["quantity"] / row["multiplier"],
        price=row["price"],
        value=row["market_value"],
        profit=row["profit"],
        weight=float(row["weight"]),
    )


def _next_line(book: str, noun: str, due: Mapping[str, Any]) -> str:
    """The decision that comes next: from when on, or that its time has come and it is not closed."""
    if not due["behind"]:
        return f"next {noun} {due['name']}, to be decided from {due['known_from']:%Y-%m-%d %H:%M} UTC on"
    more = f", and {due['behind'] - 1} more that wait for it" if due["behind"] > 1 else ""
    return (
        f"next {noun} {due['name']}, which is not closed{more}: its run goes on, or "
        f"`nightdesk run {book} {due['option']}` decides it"
    )


def _book_lines(one: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.alerts.concerns import Concern
    from nightdesk.alerts.figures import money, percent, quantity

    last, mark = one["last_session"], one["mark"]
    yield f"{one['book']}: {one['state']}"
    yield from (f"  {Concern(**found).line}" for found in one["concerns"])
    if last is not None:
        regime = last["regime"] or "not read yet"
        yield f"  last {one['noun']} {last['name']} ({last['status']}), regime {regime}"
    if one["right"] is not None:
        yield f"  real money: stage {one['right']['stage'].in_words}"
    if one["next_decision"] is not None:
        yield f"  {_next_line(one['book'], one['noun'], one['next_decision'])}"
    if mark is not None:
        profit = f"{money(one['profit'], signed=True)} ({percent(one['day_return'], signed=True)})"
        fallen = f"drawdown {percent(mark['drawdown'])} below the highest NAV ever"
        exposure = f"gross {percent(mark['gross'])}, {fallen}"
        yield f"  NAV {money(mark['nav'])} at {mark['name']}, day {profit}"
        yield f"  cash {money(mark['cash'])}, {exposure}"
    if one["since_inception"] is not None:
        yield f"  {_returns(one['since_inception'])}"
    if one["level"] is not None:
        reset = one["drawdown"]["peak_was_reset"]
        peak = "the peak since the last recovery began" if reset else "that peak"
        yield f"  {one['level']['in_words']}, {percent(one['level']['drawdown'])} below {peak}"
        if one["level"]["answer"] is not None:
            yield f"  {one['level']['answer']['in_words']}"
    yield from (f"  {_strategy_line(day)}" for day in one["by_strategy"] if day["profit"])
    yield from (f"  {line}" for line in _data_lines(one["data"]))
    yield from (f"  {line}" for line in account_lines(one["accounts"]))
    yield from (f"  {line}" for line in _position_lines(one["positions"], named=bool(one["accounts"])))
    yield from (f"  {line}" for line in _factor_lines(one["factors"]))
    if one["leaving"]:
        yield f"  leaving: {', '.join(one['leaving'])}: no members of the universe any more, only reduced"
    yield from (f"  {line}" for line in one["screen"])
    for symbol, reason in one["off"].items():
        yield f"  off in the newest {one['noun']}, nothing is opened in it: {symbol} ({reason})"
    yield from (f"  {line}" for line in (*one["pairs"], *one["protections"]))
    for notice in one["notices"]:
        what = f"{notice['kind']} of {quantity(notice['quantity'])} {notice['contract']}"
        yield f"  notice of {notice['session']}: {what}: {notice['state']}"
    for order in one["open_orders"]:
        amount = f"{quantity(order['quantity'])} {order['symbol']}"
        where = f" in account {order['account']}" if one["accounts"] else ""
        legs = f", leg of bundle {order['bundle']}" if order["bundle"] else ""
        state = f"{_prices(order)}, {order['status']}{legs}"
        yield f"  order of {order['name']}: {order['side']} {amount}{where}{state}"
    yield from (f"  {line}" for line in _alert_lines(one["alerts"]))


def _prices(order: Mapping[str, Any]) -> str:
    """At which prices an order rests; empty for one that meets the market."""
    from nightdesk.alerts.figures import price

    named = {"stop": order["stop_price"], "target": order["target_price"]}
    rests = " or ".join(f"{name} {price(at)}" for name, at in named.items() if at is not None)
    return f" if it comes to {rests}" if rests else ""


def account_lines(accounts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line an account: where it lies, its cash and value, its open orders, and money on its way."""
    from nightdesk.alerts.figures import money

    def dollars(amount: Any) -> str:
        return "" if amount is None else money(amount)

    heads = ("account", "broker", "cash", "positions", "value", "open orders", "coming")
    rows = [
        (
            one["name"],
            f"{one['account']} of {one['broker']}",
            *(dollars(one[name]) for name in ("cash", "positions_value", "value")),
            f"{one['open_orders']}",
            money(one["coming"], signed=True) if one["coming"] else "",
        )
        for one in accounts
    ]
    if rows:
        yield from table(heads, rows, right=heads[2:])


def _factor_lines(factors: Mapping[str, Mapping[str, float | None]]) -> Iterator[str]:
    """A line a symbol with the factors that the book shows."""
    from math import nan

    from nightdesk.alerts.factor_table import factor_words

    names = next(iter(factors.values()), {})
    rows = [
        (symbol, *(factor_words(nan if value is None else value) for value in values.values()))
        for symbol, values in factors.items()
    ]
    if rows:
        yield from table(("symbol", *names), rows, right=tuple(names))


def _position_lines(positions: Sequence[Mapping[str, Any]], *, named: bool) -> Iterator[str]:
    """A line a symbol; beneath one that several strategies hold, what each of them holds. With `named`, the
    account of each.
    """
    from nightdesk.alerts.figures import money, percent, price, quantity
    from nightdesk.alerts.position_lines import by_symbol

    def cells(one: HoldingLine | PositionLine) -> tuple[str, ...]:
        amounts = money(one.value), percent(one.weight, places=1), money(one.profit, signed=True)
        return (quantity(one.quantity), price(one.price), *amounts)

    rows: list[tuple[str, ...]] = []
    account_of = {row["symbol"]: row["account"] for row in positions}
    for one in by_symbol(map(position_line, positions)):
        where = (account_of[one.symbol],) if named else ()
        rows.append((one.symbol, one.strategy, *where, *cells(one)))
        if len(one.parts) > 1:
            blank = ("",) * len(where)
            rows += [("", f"  {part.strategy}", *blank, *cells(part)) for part in one.parts]
    numbers = ("quantity", "price", "value", "weight", "profit")
    heads = ("symbol", "strategy", *(("account",) if named else ()), *numbers)
    if rows:
        yield from table(heads, rows, right=numbers)


def _returns(told: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import percent

    names = ("total_return", "benchmark_total_return", "excess_total_return")
    own, other, beyond = (percent(told[name], signed=True) for name in names)
    return (
        f"{own} since {told['since']}; {told['benchmark']} with dividends {other}, beyond it {beyond} "
        f"({told['sessions']:,} sessions)"
    )


def _strategy_line(day: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import money

    who = day["strategy"] or "no strategy (interest, fees, other)"
    return f"day of {who}: {money(day['profit'], signed=True)}"


def _data_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Warnings of the newest session's checks, and what its ingest left out; what is graver is a concern."""
    from nightdesk.alerts.notes import note_words

    for row in data["checks"]:
        if row["outcome"] == "warned":
            yield f"data: {row['detail']}"
    for note in data["left_out"]:
        yield f"data: {note_words(note)}"


def _alert_lines(alerts: list[dict[str, Any]]) -> Iterator[str]:
    for alert in alerts:
        raised = f"{alert['created_at']:%Y-%m-%d %H:%M} UTC"
        yield f"alert {alert['alert_id']} {alert['level']} {raised}: {alert['subject']}"


def _feed_lines(feeds: list[dict[str, Any]]) -> Iterator[str]:
    from nightdesk.cli.feed_commands import HEADS, feed_cells

    if feeds:
        yield from table(HEADS, map(feed_cells, feeds))
