"""The exits that the entry of a bracket brings with it, as the order that they are by themselves."""

from __future__ import annotations

from dataclasses import replace

from nightdesk.orders.order import Order, exits_id


def exits_of(entry: Order, purpose: str = "") -> Order:
    """The stop, or the stop and target, that rest from the fill of a bracket's entry on.

    Parameters
    ----------
    entry : Order
        A bracket.
    purpose : str
        What they are for here; a broker does not know it.
    """
    return replace(
        entry,
        client_order_id=exits_id(entry.client_order_id),
        side=entry.exit_side,
        purpose=purpose,
        intents=tuple(replace(one, quantity=-one.quantity) for one in entry.intents),
        order_type="stop" if entry.target_price is None else "oco",
        time_in_force="gtc",
        limit_price=None,
    )
