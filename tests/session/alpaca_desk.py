"""A small desk at a fake Alpaca: its database, its broker and the market go through time together."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import yaml
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.alpaca_exchange import Exchange
from tests.fakes.alpaca_orders import receive
from tests.session.brokered_desk import BrokeredDesk
from tests.session.small_desk import SmallDesk
from tests.session.true_account import AlpacaAccount

ACCOUNT = "alpaca-small"


@dataclass
class AlpacaDesk(BrokeredDesk):
    """The desk and its broker.

    Parameters
    ----------
    fake : FakeAlpaca
        Where the book's account is.
    """

    fake: FakeAlpaca = field(kw_only=True)

    @property
    def known_account(self) -> dict[str, str]:
        return self.fake.environ(ACCOUNT)

    @property
    def account(self) -> AlpacaAccount:
        return AlpacaAccount(self.fake)

    @property
    def market(self) -> Exchange:
        return self.fake.exchange

    def plan_first(self) -> None:
        """Plan the orders of the first session, in its evening."""
        self.evening(0)
        self.price_coins(0)
        self.run_steps(0, "ingest", "orders")

    def price_coins(self, number: int) -> None:
        self.fake.exchange.price("BTC-USD", self.prices(number, 5)["BTC-USD"])


def trade_by_hand(fake: FakeAlpaca, side: str, symbol: str, quantity: Decimal | int, price: float) -> str:
    """Let a person trade in the account past the desk; the client order id that the order is given."""
    body = {"symbol": symbol, "qty": str(quantity), "side": side, "type": "market", "time_in_force": "day"}
    order = receive(fake.exchange, body)
    name = str(order["client_order_id"])
    if order["status"] != "filled":
        fake.exchange.execute(name, quantity, price)
    return name


def at_alpaca(desk: SmallDesk, fake: FakeAlpaca, **broker: object) -> AlpacaDesk:
    """The same desk with its account at `fake`; `broker` are more of the book's keys for it."""
    tree = yaml.safe_load(Path(desk.book).read_text())
    tree["broker"] = {"kind": "alpaca", "account": ACCOUNT, **broker}
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    fake.exchange.runs = True  # as the database's does
    return AlpacaDesk(desk.url, desk.book, desk.bars, fake=fake)
