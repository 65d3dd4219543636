"""A decision as a funnel: what was said of each symbol, and what the gate and the market made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nightdesk.engine.exits import Cause
from nightdesk.risk import Verdict, rule_shown, words
from nightdesk.store.order_rows import StoredOrder
from nightdesk.strategies import SignalSide, spoken

#: Orders that are, or may be, in the market; and those that came to nothing.
_OPEN = ("planned", "submitted", "partially_filled")
_ENDED = ("suppressed", "expired", "rejected", "cancelled")


@dataclass(frozen=True)
class SpokenSignal:
    """What one strategy says of a symbol: `word` such as ``strong buy``; `why` is empty where not worked out.

    `confidence` is a share.
    """

    strategy: str
    word: str
    confidence: float
    injected: bool
    why: str


@dataclass(frozen=True)
class OrderedAmount:
    """An order of the decision in a symbol, with what was filled of it.

    `filled` is in units, `price` their average, dollars as prices are quoted; None where nothing was filled.
    """

    client_order_id: str
    side: str
    quantity: Decimal
    status: str
    account: str
    filled: Decimal
    price: Decimal | None


@dataclass(frozen=True)
class SymbolRow:
    """One symbol on its way through a decision.

    Attributes
    ----------
    symbol : str
    signals : tuple of SpokenSignal
        Those that ask for something.
    held, wanted : Decimal
        Units over all strategies, before the decision and as sized.
    allowed : Decimal or None
        Units that the gate has left; None where it has not judged yet.
    causes : tuple of str
        Why strategies want what they want, where they say.
    dropped : tuple of str
        Entries that a filter took away, each with the filter's words.
    verdicts : tuple of Verdict
        Cuts and rejections of the gate.
    orders : tuple of OrderedAmount
    """

    symbol: str
    signals: tuple[SpokenSignal, ...]
    held: Decimal
    wanted: Decimal
    allowed: Decimal | None
    causes: tuple[str, ...]
    dropped: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    orders: tuple[OrderedAmount, ...]

    @property
    def outcome(self) -> str:
        """What became of it, in a word: the furthest that it came, or what stopped it."""
        states = [one.status for one in self.orders]
        if "filled" in states:
            return "filled"
        if any(one in _OPEN for one in states):
            return "ordered"
        if states:
            return states[0]
        actions = [one.action for one in self.verdicts]
        if "reject" in actions:
            return "rejected by the gate"
        if "cut" in actions:
            return "cut by the gate"
        if self.dropped:
            return "dropped by a filter"
        return "no change" if self.wanted == self.held else "no order"

    @property
    def rank(self) -> int:
        """By its effect: 0 with an order, 1 where something was taken away, 2 where it is held, else 3."""
        if self.orders:
            return 0
        if self.verdicts or self.dropped or self.wanted != self.held:
            return 1
        return 2 if self.held else 3

    @property
    def tone(self) -> str:
        """The colour of `outcome`."""
        if self.outcome == "filled":
            return "gain"
        if self.outcome in ("ordered", "no change"):
            return ""
        return "loss" if self.outcome in (*_ENDED, "rejected by the gate") else "warn"

    @property
    def gate_words(self) -> tuple[tuple[str, str, str], ...]:
        """Action, rule and words of each cut or rejection; the gate may have said the same twice."""
        return tuple(dict.fromkeys((one.action, rule_shown(one.rule), words(one)) for one in self.verdicts))


@dataclass(frozen=True)
class FunnelPart:
    """One step of the funnel: how many came so far, and what that is made up of."""

    name: str
    count: int
    words: str


@dataclass(frozen=True)
class DecisionRows:
    """What is stored of a decision, as `nightdesk.store` reads it.

    `reasons` are the words of signals by strategy and symbol, empty where they were not worked out; `why`
    tells why a row of targets wants what it does.
    """

    signals: Sequence[Mapping[str, Any]]
    targets: Sequence[Mapping[str, Any]]
    dropped: Sequence[Mapping[str, Any]]
    verdicts: Sequence[Verdict]
    gated: Sequence[Mapping[str, Any]]
    orders: Sequence[StoredOrder]
    fills: Sequence[Mapping[str, Any]]
    silent: Mapping[str, int]
    reasons: Mapping[tuple[str, str], str]
    why: Callable[[Mapping[str, Any]], str]
    dropped_words: Callable[[Mapping[str, Any]], str]


def stages(rows: DecisionRows) -> tuple[FunnelPart, ...]:
    """The funnel with its counts, from signals to fills."""
    entering = sum(one["action"] == "enter" for one in rows.signals)
    leaving = sum(one["action"] == "leave" for one in rows.signals)
    holding = len(rows.signals) - entering - leaving + rows.silent.get("signals", 0)
    changed = sum(one["quantity"] != one["held"] for one in rows.targets)
    judged = {one.symbol: one.action for one in _gravest(rows.verdicts)}
    said = Counter(judged.values())
    states = Counter(one.status for one in rows.orders)
    return (
        FunnelPart("Signals", entering + leaving, f"{entering} to enter, {leaving} to leave; {holding} hold"),
        FunnelPart("Targets", changed, f"of {len(rows.targets) + rows.silent.get('targets', 0)} that change"),
        FunnelPart("Dropped", len(rows.dropped), "entries that a filter took away"),
        FunnelPart(
            "Gate",
            len(judged),
            f"symbols judged: {said['approve']} approved, {said['cut']} cut, {said['reject']} rejected",
        ),
        FunnelPart(
            "Orders",
            len(rows.orders),
            ", ".join(f"{count} {_plain(state)}" for state, count in states.items()) or "nothing to trade",
        ),
        FunnelPart("Fills", len(rows.fills), _filled_words(rows)),
    )


def symbol_rows(rows: DecisionRows) -> tuple[SymbolRow, ...]:
    """Every symbol of which something was asked, changed, dropped, cut or ordered; by effect and name."""
    by = {
        name: _grouped(found)
        for name, found in (
            ("signals", [one for one in rows.signals if one["action"] != "hold"]),
            ("targets", rows.targets),
            ("dropped", rows.dropped),
            ("gated", rows.gated),
            ("fills", rows.fills),
        )
    }
    moved = {
        one["symbol"]
        for one in rows.targets
        if one["quantity"] != one["held"] or one["cause"] not in (Cause.NONE, Cause.OPENS)
    }
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in rows.verdicts:
        if verdict.action != "approve":
            verdicts.setdefault(verdict.symbol, []).append(verdict)
    orders: dict[str, list[StoredOrder]] = {}
    for stored in rows.orders:
        orders.setdefault(stored.order.symbol, []).append(stored)
    told = {*by["signals"], *by["dropped"], *moved, *verdicts, *orders}
    found = [_row(symbol, rows, by, verdicts.get(symbol, []), orders.get(symbol, [])) for symbol in told]
    return tuple(sorted(found, key=lambda one: (one.rank, one.symbol)))


def _row(
    symbol: str,
    rows: DecisionRows,
    by: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    verdicts: Sequence[Verdict],
    orders: Sequence[StoredOrder],
) -> SymbolRow:
    targets = by["targets"].get(symbol, ())
    why = [(one["strategy"], rows.why(one)) for one in targets if one["cause"] != Cause.NONE]
    fills = by["fills"].get(symbol, ())
    return SymbolRow(
        symbol=symbol,
        signals=tuple(_signal(one, rows.reasons) for one in by["signals"].get(symbol, ())),
        held=_sum(one["held"] for one in targets),
        wanted=_sum(one["quantity"] for one in targets),
        allowed=_sum(one["quantity"] for one in by["gated"].get(symbol, ()))
        if rows.gated or "gated" in rows.silent
        else None,
        causes=tuple(f"{strategy}: {words}" for strategy, words in why if words),
        dropped=tuple(
            f"{one['strategy']}: {rows.dropped_words(one)}" for one in by["dropped"].get(symbol, ())
        ),
        verdicts=tuple(verdicts),
        orders=tuple(_order(one, fills) for one in orders),
    )


def _signal(row: Mapping[str, Any], reasons: Mapping[tuple[str, str], str]) -> SpokenSignal:
    return SpokenSignal(
        strategy=row["strategy"],
        word=spoken(row["direction"], SignalSide[row["side"].upper()]),
        confidence=row["confidence"],
        injected=row["injected"],
        why=reasons.get((row["strategy"], row["symbol"]), ""),
    )


def _order(stored: StoredOrder, fills: Iterable[Mapping[str, Any]]) -> OrderedAmount:
    own = [one for one in fills if one["client_order_id"] == stored.order.client_order_id]
    units = _sum(one["quantity"] for one in own)
    return OrderedAmount(
        client_order_id=stored.order.client_order_id,
        side=f"{stored.order.side}",
        quantity=stored.order.quantity,
        status=f"{stored.status}",
        account=stored.order.account,
        filled=units,
        price=_sum(one["quantity"] * one["price"] for one in own) / units if units else None,
    )


def _gravest(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The gravest verdict on each symbol."""
    order = ("reject", "cut", "approve")
    found: dict[str, Verdict] = {}
    for one in verdicts:
        known = found.get(one.symbol)
        if known is None or order.index(one.action) < order.index(known.action):
            found[one.symbol] = one
    return list(found.values())


def _filled_words(rows: DecisionRows) -> str:
    if not rows.orders:
        return "no order"
    if not rows.fills:
        return "none yet: the next settling books them"
    orders = {one["client_order_id"] for one in rows.fills}
    return f"of {len(orders)} of {len(rows.orders)} orders"


def _plain(state: str) -> str:
    return state.replace("_", " ")


def _grouped(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in rows:
        found.setdefault(one["symbol"], []).append(one)
    return found


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))
