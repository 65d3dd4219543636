"""What the sessions of the protocol machine decide, and how its broker answers badly."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st
from tests.fakes.alpaca import Fault

from nightdesk.core.money import ZERO, to_price, to_unit
from nightdesk.engine import Day, Desk, State
from nightdesk.orders.order import Intent, Order, client_order_id, limited


@dataclass(frozen=True)
class Wish:
    """An order that a session is to decide: so many twentieths of what is held, or of a small purchase.

    `limit_bps` is how much worse than the decision's price a limit is, better where negative; None for an
    order at the market.
    """

    symbol: str
    side: str
    twentieths: int
    limit_bps: int | None
    time_in_force: str


@dataclass(frozen=True)
class Trouble:
    """How the broker answers the next calls of an endpoint."""

    endpoint: str
    fault: Fault
    times: int


#: What is decided when it is too late for it.
LATE = (Wish("SPY", "buy", 5, None, "day"),)

WISHES = st.lists(
    st.builds(
        Wish,
        symbol=st.sampled_from(("SPY", "GLD", "BTC-USD")),
        side=st.sampled_from(("buy", "buy", "sell")),
        twentieths=st.integers(1, 20),
        limit_bps=st.sampled_from((None, -100, 100)),
        time_in_force=st.sampled_from(("day", "day", "gtc")),
    ),
    min_size=2,
    max_size=3,
    unique_by=lambda wish: wish.symbol,
).map(tuple)


def maybe(*endpoints: str) -> st.SearchStrategy[Trouble | None]:
    """One of these calls is answered badly, once or twice; or none is."""
    kinds = [one for one in Fault if one is not Fault.TOO_MANY_WAIT]  # which only takes longer
    some = st.builds(Trouble, st.sampled_from(endpoints), st.sampled_from(kinds), st.integers(1, 2))
    return st.none() | some


def decided(wishes: tuple[Wish, ...], desk: Desk, state: State, day: Day) -> tuple[Order, ...]:
    """The orders of a session that has these wishes."""
    return tuple(sorted((_order(one, desk, state, day) for one in wishes), key=lambda one: one.symbol))


def _order(wish: Wish, desk: Desk, state: State, day: Day) -> Order:
    symbol, unit = wish.symbol, desk.unit_of[wish.symbol]
    held = state.ledger.net().get(symbol, ZERO)
    whole = held if wish.side == "sell" and held > 0 else Decimal(2 if symbol == "BTC-USD" else 20)
    quantity = max(to_unit(whole * wish.twentieths / 20, unit), unit)
    order = Order(
        client_order_id=client_order_id(desk.book.name, day.as_of, symbol, wish.side, "rebalance"),
        book=desk.book.name,
        session=day.session,
        as_of=day.as_of,
        symbol=symbol,
        side=wish.side,  # type: ignore[arg-type]
        quantity=quantity,
        purpose="rebalance",
        reference_price=to_price(Decimal(str(day.price[desk.symbols.index(symbol)]))),
        intents=(Intent(next(iter(desk.strategies)), symbol, quantity if wish.side == "buy" else -quantity),),
        time_in_force=wish.time_in_force,  # type: ignore[arg-type]
    )
    if wish.limit_bps is None:
        return order
    return limited(order, Decimal(wish.limit_bps), desk.book.universe[symbol].tick)
