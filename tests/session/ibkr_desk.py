"""A small desk at a fake gateway of IBKR: its database, its broker and the market live through time."""

from dataclasses import dataclass, field
from pathlib import Path

import yaml
from tests.fakes.ibkr import IbkrGateway
from tests.session.brokered_desk import BrokeredDesk
from tests.session.small_desk import SmallDesk
from tests.session.true_account import IbkrAccount

ACCOUNT = "ibkr-small"
CLIENT_ID = 11


@dataclass
class IbkrDesk(BrokeredDesk):
    """The desk and its broker.

    Parameters
    ----------
    gateway : IbkrGateway
        Where the book's account is.
    """

    gateway: IbkrGateway = field(kw_only=True)

    @property
    def known_account(self) -> dict[str, str]:
        return self.gateway.environ(ACCOUNT, CLIENT_ID)

    @property
    def account(self) -> IbkrAccount:
        return IbkrAccount(self.gateway)

    @property
    def market(self) -> IbkrGateway:
        return self.gateway

    def prices(self, number: int, column: int = 2) -> dict[str, float]:
        return {name: price for name, price in super().prices(number, column).items() if name in self.traded}

    @property
    def traded(self) -> set[str]:
        """The symbols of its book."""
        return set(yaml.safe_load(Path(self.book).read_text())["universe"])

    def week(self, last: int) -> None:
        """Decide the sessions up to `last`, each in its evening."""
        for number in range(last + 1):
            if number:
                self.live_through(number)
            self.decide(number)


def at_ibkr(desk: SmallDesk, gateway: IbkrGateway, **broker: object) -> IbkrDesk:
    """The same desk with its account at a gateway, and without crypto, which IBKR's broker does not trade;
    `broker` are more of the book's keys for it.
    """
    tree = yaml.safe_load(Path(desk.book).read_text())
    tree["broker"] = {"kind": "ibkr", "account": ACCOUNT, **broker}
    tree["universe"].pop("BTC-USD", None)
    tree["levels"]["first_out"] = [one for one in tree["levels"]["first_out"] if one != "BTC-USD"]
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    gateway.runs = True  # as the database's clock does
    return IbkrDesk(desk.url, desk.book, desk.bars, gateway=gateway)
