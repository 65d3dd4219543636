"""The key to an account, and the deliberate switch without which none that holds real money is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.errors import Refused

#: Names the accounts, comma-separated, that may trade real money.
LIVE_VARIABLE = "NIGHTDESK_LIVE"


@dataclass(frozen=True)
class Credentials:
    """What opens an account; neither key nor secret shows in a representation.

    `url` is the address to use in place of the broker's own; None for that.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)
    url: str | None = None


def variable(account: str, part: str) -> str:
    """The environment variable that holds a part (key, secret, url) of an account's credentials."""
    return f"NIGHTDESK_ACCOUNT_{re.sub('[^A-Z0-9]+', '_', account.upper())}_{part.upper()}"


def credentials_of(entry: BrokerEntry, environ: Mapping[str, str]) -> Credentials:
    """The credentials of a book's account, from the environment.

    Raises
    ------
    Refused
        When key or secret is missing, naming the variables.
    """
    names = {part: variable(entry.account, part) for part in ("key", "secret", "url")}
    found = {part: environ.get(name) or None for part, name in names.items()}
    key, secret = found["key"], found["secret"]
    if key is None or secret is None:
        lacking = " and ".join(names[part] for part in ("key", "secret") if found[part] is None)
        raise Refused(
            f"account {entry.account} of {entry.kind} cannot be opened: set {lacking} in the environment, "
            f"or make the Airflow connection {connection_id(entry.account)}, which only tasks of Airflow read"
        )
    return Credentials(key, secret, found["url"])


def connection_id(account: str) -> str:
    """The Airflow connection that may hold an account's credentials: login, password and host."""
    return f"nightdesk_account_{re.sub('[^a-z0-9]+', '_', account.lower())}"


def refuse_unintended_live(entry: BrokerEntry, environ: Mapping[str, str]) -> None:
    """Refuse to open an account with real money that book and environment do not both name as such.

    Raises
    ------
    Refused
        When either switch is missing; the book's own validation asks for its limit of capital.
    """
    named = {name.strip() for name in environ.get(LIVE_VARIABLE, "").split(",") if name.strip()}
    if entry.live and entry.account not in named:
        raise Refused(
            f"account {entry.account} of {entry.kind} holds real money (broker.live), and {LIVE_VARIABLE} "
            f"does not name it: add {entry.account} there to trade for real, or set its `live` to false"
        )
