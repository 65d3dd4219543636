"""What rests for the positions of a book, in sentences: where, how far away, since when; what is without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from nightdesk.alerts.figures import percent, price, quantity
from nightdesk.core.account_terms import MAIN
from nightdesk.store.db import Connection
from nightdesk.store.protection_rows import StandingProtection, standing_protections


def protection_lines(conn: Connection, book: str, as_of: datetime) -> tuple[str, ...]:
    """What works now for the positions of a decision; empty where no order is asked for.

    First the positions without protection, then the others, by strategy and symbol.
    """
    found = [one for one in standing_protections(conn, book, as_of) if one.is_asked]
    return tuple(_line(one) for one in sorted(found, key=lambda one: one.rests))


def _line(one: StandingProtection) -> str:
    return f"{one.symbol} of {one.strategy} {protection_words(one)}."


def order_words(row: Mapping[str, Sequence[str]]) -> str:
    """The orders of a decision in a line, from a row of the query `session_summaries`: those that trade at
    the next open, then those that are placed to rest; empty without any.
    """
    resting = ", ".join(row["resting"])
    return "; ".join(one for one in (", ".join(row["orders"]), resting and f"to rest: {resting}") if one)


def protection_words(one: StandingProtection) -> str:
    """What rests for one position, or why nothing does, to follow its name."""
    if not one.rests:
        return f"is without protection: {one.why_none.rstrip('.')}"
    where = "" if one.account == MAIN else f", in account {one.account}"
    verb = "is to rest" if one.status == "planned" else "rests"
    units = quantity(one.quantity)
    legs = f"{legs_shown(one.stop_price, one.target_price)}{_away(one)}"
    return f"{verb}, for {units} units: {legs}, placed on {one.placed_session}{where}"


def legs_shown(stop: Decimal | None, target: Decimal | None) -> str:
    """Where an order rests as people read it, ``stop $97.02, target $104.50``; empty where nowhere."""
    legs = (("stop", stop), ("target", target))
    return ", ".join(f"{name} {price(at)}" for name, at in legs if at is not None)


def _away(one: StandingProtection) -> str:
    """How far the stop is from the mark."""
    share = stop_distance(one)
    return "" if share is None or one.price is None else f", {percent(share)} from {price(one.price)}"


def stop_distance(one: StandingProtection) -> float | None:
    """How far the price is from the stop, a share of it, positive while it is not reached; None without a
    stop or a price.
    """
    if one.stop_price is None or one.price is None or not one.price:
        return None
    towards = one.price - one.stop_price if one.side == "sell" else one.stop_price - one.price
    return float(towards / one.price)
