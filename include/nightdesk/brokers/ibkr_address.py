"""Where an account at IBKR is, and whether it is the one that its book means, on paper or with real money."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nightdesk.brokers.credentials import variable
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.errors import Refused
from nightdesk.tws_terms import TwsAddress, tws_address

#: The ports at which Gateway and TWS listen unless a person has changed them.
PAPER_PORTS = (4002, 7497)
LIVE_PORTS = (4001, 7496)

_ID = re.compile(r"D?U[0-9]{1,12}")


def account_at_ibkr(entry: BrokerEntry, environ: Mapping[str, str]) -> tuple[TwsAddress, str]:
    """Where a book's account is, and its id at IBKR, from the environment: there is no secret.

    Raises
    ------
    Refused
        When either is missing or cannot be, or the one says paper and the book real money or the other way.
    """
    names = {part: variable(entry.account, part) for part in ("url", "key")}
    found = {part: (environ.get(name) or "").strip() for part, name in names.items()}
    lacking = " and ".join(name for part, name in names.items() if not found[part])
    if lacking:
        raise Refused(
            f"account {entry.account} of ibkr cannot be opened: set {lacking} in the environment (the URL is "
            "ib://host:port/clientId of TWS or Gateway, the key the account's id at IBKR, such as DU1234567)"
        )
    address = tws_address(found["url"], f"account {entry.account} of ibkr")
    refuse_other_kind(entry, found["key"], address)
    return address, found["key"]


def refuse_other_kind(entry: BrokerEntry, account_id: str, address: TwsAddress) -> None:
    """Refuse an id or a port that is of the other kind than the book says: paper, or real money.

    Raises
    ------
    Refused
        When they differ, or the id is none of IBKR's.
    """
    where = f"account {entry.account} of ibkr"
    kind = "holds real money (broker.live)" if entry.live else "is a paper account (broker.live is not set)"
    paper = account_id.startswith("DU")
    if not _ID.fullmatch(account_id):
        raise Refused(
            f"{where}: found the id {account_id!r}; one of IBKR is DU and digits (paper) or U and digits "
            f"(real money): correct {variable(entry.account, 'key')}"
        )
    if paper == entry.live:
        of = "a paper account" if paper else "one with real money"
        raise Refused(f"{where} {kind}, and {account_id} is {of}: correct the id, or `live` in the book")
    if address.port in (PAPER_PORTS if entry.live else LIVE_PORTS):
        of = "paper accounts" if entry.live else "real money"
        raise Refused(f"{where} {kind}, and {address} is the port of {of}: correct its URL")


def refuse_unmanaged(name: str, account_id: str, managed: Sequence[str], address: TwsAddress) -> None:
    """Refuse a connection that does not manage the account.

    Raises
    ------
    Refused
        When the account is not among those that the connection manages.
    """
    if account_id not in managed:
        raise Refused(
            f"account {name} of ibkr is {account_id}, and TWS at {address} is logged in to "
            f"{', '.join(managed)}: log in to the account, or correct {variable(name, 'key')}"
        )
