"""What the answers of a vendor's service mean for a feed, and the address that a feed may ask."""

from __future__ import annotations

import math
from urllib.parse import urlsplit

from requests import Response

from nightdesk.bounded_http import NoAnswer, is_on_this_machine
from nightdesk.core.errors import Refused
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.retry_after import is_busy, later_words, seconds_until


def checked_address(what: str, url: str, example: str) -> str:
    """Scheme, host and path of an address; `Refused` where the key would travel unencrypted.

    Parameters
    ----------
    what : str
        Whose address it is, for errors.
    url : str
    example : str
        One as it should be, for errors.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        # What was found may hold a login or a key, so it is not repeated.
        raise Refused(
            f"{what}: its address (the URL of its account, or the host of its connection) must be https:// "
            f"and a host, without a login or a query, such as {example}"
        )
    if parts.scheme == "http" and not is_on_this_machine(url):
        raise Refused(f"{what}: http://{parts.hostname} would send the key unencrypted: write https://")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def fault_of_status(response: Response, access: str, said: str = "") -> SourceFault:
    """What a refusing status means.

    Parameters
    ----------
    response : Response
        One whose status is not 200.
    access : str
        What a refusal of access says of the key.
    said : str
        The vendor's own words, for a person.
    """
    status, words = response.status_code, f": {said}" if said else ""
    if is_busy(status):
        after = seconds_until(response.headers.get("Retry-After"))
        why = "asks for fewer requests" if status == 429 else "has an error of its own"
        return SourceFault(Fault.PASSING, f"the server {why} ({status}{later_words(after)})", after)
    if status in (401, 403):
        return SourceFault(Fault.FINAL, f"the server refuses access ({status}): {access}{words}")
    if status == 404:
        return SourceFault(Fault.ABSENT, f"the server knows nothing of it (404){words}")
    return SourceFault(Fault.FINAL, f"the server refuses the request ({status}){words}")


def fault_of_silence(missing: NoAnswer, wanted: str) -> SourceFault:
    """What no answer that can be read says of the service; `wanted` is what was asked for."""
    fault = Fault.FINAL if missing.moved else Fault.PASSING
    if missing.found:
        return SourceFault(fault, f"the server answered {missing.found} where {wanted} were asked for")
    return SourceFault(fault, missing.why)


def refuse_amount(kind: str, day: object, value: float) -> None:
    """Raise `SourceFault` for a ratio or an amount of a corporate action that is none.

    Parameters
    ----------
    kind : str
        Of the action, for errors.
    day : object
        Its ex-date, for errors.
    value : float
    """
    if not math.isfinite(value) or value < 0 or (value == 0 and kind == "split"):
        raise SourceFault(
            Fault.PASSING, f"the server stated a {kind.replace('_', ' ')} of {value:g} on {str(day)[:10]}"
        )


def without_key(account: str, *parts: str) -> SourceFault:
    """What a feed says whose key is not known; `account` as the variables of the environment have it."""
    names = " and ".join(f"NIGHTDESK_ACCOUNT_{account}_{part}" for part in parts)
    return SourceFault(
        Fault.FINAL,
        f"it has no key: set {names} in the environment, or make the Airflow connection "
        f"nightdesk_account_{account.lower()}, which only tasks of Airflow read",
    )
