"""Mail servers and chats, through Apprise: who receives, and whether an alert was taken.

A receiver is one mail address or one chat. An address of several is split, so that what one of them refuses
is not sent again to the others. Apprise's own words reach nobody unread: they can hold addresses.

The mail of a session is a message of the desk's own. Apprise can send pictures inline, but makes the plain
text of the HTML itself, which of a layout of tables is a heap of cells; so it is asked for the conversation
with the server alone (host, port, TLS, login, all as its address says).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nightdesk.core.masking import ALERT_PREFIX, mask_line

if TYPE_CHECKING:
    from nightdesk.alerts.message import Message
    from nightdesk.store.mail_rows import StoredMail

#: For a connection, and for each answer on it: a server that hangs must not hold the sender up.
TIMEOUT_SECONDS = 10.0
LONGEST_ERROR = 500

_KIND = {"INFO": "info", "WARNING": "warning", "CRITICAL": "failure", "EMERGENCY": "failure"}
#: Apprise says the reason (a refusal of the server, a lost connection) only to those who debug it.
_REASON = re.compile("exception|refused|error", re.IGNORECASE)


@dataclass(frozen=True)
class Receiver:
    """One mail address or chat at the end of a route.

    `name` tells it from the others of its route and is no secret; `service` is None where the address is
    one that Apprise does not understand.
    """

    route: str
    name: str
    service: Any = field(repr=False, compare=False)


def variable(route: str) -> str:
    """The environment variable of a route: the addresses it leads to, separated by whitespace."""
    return f"{ALERT_PREFIX}{route.upper()}"


def connection_id(route: str) -> str:
    """The Airflow connection that may say it instead: the same text as its password."""
    return f"nightdesk_alert_{route}"


def receivers(route: str, environ: Mapping[str, str]) -> tuple[Receiver, ...]:
    """Everybody to whom a route leads; nobody where no address is set."""
    addresses = environ.get(variable(route)) or ""
    found: dict[str, Receiver] = {}
    for address in addresses.split():
        for name, service in _singles(address, len(found) + 1):
            found.setdefault(name, Receiver(route, name, service))
    return tuple(found.values())


def send(receiver: Receiver, message: Message) -> str | None:
    """Bring a message to a receiver.

    Returns
    -------
    str or None
        Why it was not taken, without secrets; None when it was.
    """
    if receiver.service is None:
        return (
            f"{receiver.name} of {variable(receiver.route)} is none that Apprise understands: "
            "write it as mailtos://user:password@server/receiver?from=sender"
        )
    body = {"body": message.text, "body_format": "text"}
    if _is_mail(receiver.service):
        body = {"body": message.html, "body_format": "html"}
    with _overheard() as words:
        try:
            taken = receiver.service.notify(**body, title=message.subject, notify_type=_KIND[message.level])
        except Exception as error:  # noqa: BLE001 (whatever a plug-in does, the alert waits and is sent later)
            taken, words = False, [f"{type(error).__name__}: {error}"]
    # A notifier tells of a refusal by its result alone: it raises nothing.
    if taken is True:
        return None
    return _refusal(words)


def shows_mail(receiver: Receiver) -> bool:
    """Whether a receiver is sent the mail of a session as it is, and not its summary alone.

    A chat is not; nor is an address that asks for PGP, since only what Apprise writes is encrypted.
    """
    from apprise.plugins.email.base import PGP_MODE_DEFAULT

    service = receiver.service
    return service is not None and _is_mail(service) and service.pgp_mode == PGP_MODE_DEFAULT


def send_mail(receiver: Receiver, mail: StoredMail, moment: datetime) -> str | None:
    """Bring the mail of a session to an address for which `shows_mail` holds.

    Parameters
    ----------
    receiver : Receiver
    mail : StoredMail
    moment : datetime
        Of its Date; timezone-aware.

    Returns
    -------
    str or None
        Why it was not taken, without secrets; None when it was.
    """
    from apprise.plugins.email.smtp import AppriseSMTPController

    from nightdesk.alerts.mail_message import mail_message

    service = receiver.service
    [to] = service.targets
    with _overheard() as words:
        try:
            message = mail_message(
                mail,
                _named(service.from_addr),
                _named(to),
                moment,
                reply_to=sorted(service.reply_to),
                headers={"X-Application": "Nightdesk", **service.headers},
            )
            with AppriseSMTPController(
                host=service.smtp_host,
                port=service.port,
                secure_mode=service.secure_mode,
                user=service.user,
                password=service.password,
                verify_certificate=service.verify_certificate,
                socket_connect_timeout=service.socket_connect_timeout,
            ) as server:
                taken = server.sendmail(service.from_addr[1], [to[1]], message.as_bytes().decode("ascii"))
        except Exception as error:  # noqa: BLE001 (whatever a server does, the mail waits and is sent later)
            taken, words = False, [f"{type(error).__name__}: {error}"]
    return None if taken is True else _refusal(words)


def _named(pair: Sequence[object]) -> tuple[str, str]:
    """Name and address as Apprise keeps them; without a name it keeps False."""
    return str(pair[0] or ""), str(pair[1])


def _refusal(words: Sequence[str]) -> str:
    return (
        mask_line("; ".join(dict.fromkeys(words)))[:LONGEST_ERROR]
        or "it was not taken, and no reason was given"
    )


def _singles(address: str, position: int) -> list[tuple[str, Any]]:
    """Every single receiver behind an address, by name."""
    service = _service(address)
    if service is None:
        return [(f"address {position}", None)]
    if _is_mail(service):
        hidden = sorted({*service.cc, *service.bcc})
        boxes = [*service.targets, *((False, one) for one in hidden)]
        return [(box[1], _service(address, targets=[box], cc=set(), bcc=set())) for box in boxes]
    for attribute in ("targets", "channels"):
        several = getattr(service, attribute, None)
        if isinstance(several, list) and len(several) > 1:
            return [
                (f"{service.service_name} {number}", _service(address, **{attribute: [one]}))
                for number, one in enumerate(several, position)
            ]
    return [(f"{service.service_name} {position}", service)]


def _service(address: str, **alone: object) -> Any:
    """Apprise's notifier for an address, with some of its attributes set; None when it understands none."""
    import apprise

    with _overheard():
        service = apprise.Apprise.instantiate(address, asset=apprise.AppriseAsset(app_id="Nightdesk"))
    if service is None:
        return None
    for limit in ("socket_connect_timeout", "socket_read_timeout"):
        setattr(service, limit, min(getattr(service, limit), TIMEOUT_SECONDS))
    if _is_mail(service):
        # Apprise pauses 5.5 s between two mails, which no mail server asks for.
        service.request_rate_per_sec = 0
    for attribute, value in alone.items():
        setattr(service, attribute, value)
    return service


def _is_mail(service: object) -> bool:
    from apprise.plugins.email import NotifyEmail

    return isinstance(service, NotifyEmail)


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What is said of a conversation within the block and could be a reason; nobody else hears it."""
    words: list[str] = []
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    kept = [(one.level, one.propagate, one.handlers) for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.propagate, one.handlers = False, [_Listener(words)]
    try:
        yield words
    finally:
        for one, (level, propagate, handlers) in zip(loggers, kept, strict=True):
            one.setLevel(level)
            one.propagate, one.handlers = propagate, handlers


class _Listener(logging.Handler):
    def __init__(self, words: list[str]) -> None:
        super().__init__()
        self._words = words

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.levelno >= logging.WARNING or _REASON.search(said):
            self._words.append(said)
