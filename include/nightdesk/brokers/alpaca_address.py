"""Where an account at Alpaca is: paper and live differ by nothing but the address (and the keys)."""

from __future__ import annotations

from urllib.parse import urlsplit

from nightdesk.bounded_http import is_on_this_machine
from nightdesk.core.errors import Refused

PAPER = "https://paper-api.alpaca.markets"
LIVE = "https://api.alpaca.markets"


def address_of(account: str, url: str | None, live: bool) -> str:
    """Where an account is: Alpaca's paper or live service, or `url`.

    Raises
    ------
    Refused
        When `url` leads an account of the one kind to the other service, would send the key unencrypted over
        a network, or is no address.
    """
    if url is None:
        return LIVE if live else PAPER
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    where = f"account {account} of alpaca: the address"
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise Refused(f"{where} must be https:// and a host, such as {PAPER}; correct its URL")
    if parts.scheme == "http" and not is_on_this_machine(url):
        raise Refused(f"{where} http://{host} would send the key unencrypted: write https://")
    own = urlsplit(LIVE if live else PAPER).hostname
    if (host == "alpaca.markets" or host.endswith(".alpaca.markets")) and host != own:
        kind = "holds real money (broker.live)" if live else "is a paper account (broker.live is not set)"
        raise Refused(f"{where} is {host}, and it {kind}: its service is {own}. Leave out its URL")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v2')}"
