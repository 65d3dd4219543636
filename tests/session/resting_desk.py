"""A desk at a fake broker where orders rest for its positions, and what a person does there past the desk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.ibkr import IbkrGateway
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca, trade_by_hand
from tests.session.brokered_desk import BrokeredDesk
from tests.session.ibkr_desk import CLIENT_ID, IbkrDesk, at_ibkr
from tests.session.resting_terms import let_rest
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.account_terms import MAIN
from nightdesk.core.calendar import get_calendar
from nightdesk.session.broker_session import contact

BEFORE_THE_FIRST = get_calendar().known_from(session(-1))

#: Held from the first session on.
HELD = "GLD"


@contextmanager
def resting_desk(
    kind: str, make_desk: Callable[[], SmallDesk], **protective: float
) -> Iterator[BrokeredDesk]:
    """A desk at "alpaca" or "ibkr" whose first orders were executed, in the evening after."""
    made = make_desk()
    let_rest(made, **protective)
    fake = FakeAlpaca(BEFORE_THE_FIRST) if kind == "alpaca" else IbkrGateway(BEFORE_THE_FIRST)
    with fake as broker:
        desk = at_alpaca(made, broker) if isinstance(broker, FakeAlpaca) else at_ibkr(made, broker)
        desk.decide(0)
        desk.live_through(1)
        desk.evening(1)
        yield desk


def selling(desk: BrokeredDesk) -> dict[str, Decimal]:
    """Units that orders at the broker would sell, by symbol: those that rest and those that leave."""
    units: dict[str, Decimal] = {}
    with desk.standing() as context, contact(context, MAIN) as broker:
        for one in broker.open_orders():
            if one.side == "sell":
                units[one.symbol] = units.get(one.symbol, Decimal(0)) + one.quantity - one.filled
    return units


def holdings(desk: BrokeredDesk) -> dict[str, Decimal]:
    """What the broker holds, units by symbol."""
    return {symbol: units for symbol, units in desk.account.holdings().items() if units}


def resting(desk: BrokeredDesk) -> dict[str, str]:
    """The orders that rest by the desk's books, by symbol."""
    rows = desk.rows(
        "SELECT symbol, client_order_id FROM nightdesk.orders "
        "WHERE purpose LIKE 'protect%%' AND status IN ('submitted', 'partially_filled')"
    )
    return {str(symbol): str(name) for symbol, name in rows}


def told(desk: BrokeredDesk, words: str = "") -> list[str]:
    """The alerts whose subject or body has these words, as level, subject and body."""
    rows = desk.rows("SELECT level, subject, body FROM nightdesk.alerts ORDER BY alert_id")
    return [text for text in (" | ".join(map(str, row)) for row in rows) if words in text]


def cancel_by_hand(desk: BrokeredDesk, symbol: str) -> None:
    """Let a person cancel at the broker what rests in a symbol."""
    name = resting(desk)[symbol]
    if isinstance(desk, AlpacaDesk):
        order = desk.fake.exchange.by_client_id(name)
        assert order is not None
        desk.fake.exchange.cancel(order["id"])
    else:
        assert isinstance(desk, IbkrDesk)
        desk.gateway.cancel(CLIENT_ID, desk.gateway.order(name).order_id)


def sell_by_hand(desk: BrokeredDesk, symbol: str, units: Decimal) -> None:
    """Let a person sell at the broker while the market is open."""
    if isinstance(desk, AlpacaDesk):
        price = float(desk.fake.exchange.state.prices[symbol])
        trade_by_hand(desk.fake, "sell", symbol, units, price)
    else:
        assert isinstance(desk, IbkrDesk)
        desk.gateway.by_hand(symbol, "SELL", units)


def protections(desk: BrokeredDesk, number: int) -> dict[str, tuple[str, str]]:
    """What a decision did for its positions, with its words, by symbol."""
    rows = desk.rows(
        "SELECT symbol, action, words FROM nightdesk.protections WHERE as_of = %s", instant(number)
    )
    return {str(symbol): (str(action), str(words)) for symbol, action, words in rows}
