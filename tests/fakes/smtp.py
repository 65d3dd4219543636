"""A mail server on loopback: a real SMTP conversation with TLS and a login, well or badly."""

from __future__ import annotations

import asyncio
import datetime
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# It warns of its own ways, once a conversation.
logging.getLogger("mail.log").setLevel(logging.ERROR)

HOST = "127.0.0.1"
USER, PASSWORD = "desk", "p@ss/word-of-the-mail"


@dataclass
class FakeMail:
    """A mail server that can be switched off and on again, at the same port.

    Parameters
    ----------
    folder : Path
        Where its certificate is kept; None for a server without TLS.
    implicit : bool
        Whether the conversation is encrypted from its first byte on; else by STARTTLS.
    """

    folder: Path | None
    implicit: bool = False
    #: What it took: who it was for, and the message.
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    #: Who logged in, one entry a conversation.
    logins: list[str] = field(default_factory=list)
    #: Answers in place of "250 OK", to a recipient by address (``*`` for all), or to the text.
    to_recipients: dict[str, str] = field(default_factory=dict)
    to_text: str | None = None
    #: It takes the text and never answers.
    silent: bool = False
    port: int = 0
    _controller: Controller | None = None

    def start(self) -> None:
        """Listen; after `stop` again at the same port."""
        self.port = self.port or _free_port()
        context = None if self.folder is None else server_context(self.folder)
        self._controller = (_Implicit if self.implicit else Controller)(
            _Handler(self),
            hostname=HOST,
            port=self.port,
            ssl_context=context if self.implicit else None,
            tls_context=None if self.implicit else context,
            require_starttls=context is not None and not self.implicit,
            authenticator=self._login,
            auth_require_tls=context is not None and not self.implicit,
        )
        self._controller.start()

    def stop(self) -> None:
        """Refuse every connection from now on."""
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    def url(self, *receivers: str, password: str = PASSWORD, **settings: str) -> str:
        """Its address for Apprise, to `receivers`."""
        mode = "insecure" if self.folder is None else "ssl" if self.implicit else "starttls"
        settings = {"from": "desk@example.com", "mode": mode, "verify": "no", **settings}
        options = "&".join(f"{name}={quote(value, safe='')}" for name, value in settings.items())
        login = f"{USER}:{quote(password, safe='')}"
        scheme = "mailto" if self.folder is None else "mailtos"
        return f"{scheme}://{login}@{HOST}:{self.port}/{','.join(receivers)}?{options}"

    def subjects(self) -> list[str]:
        return [message["Subject"] for _, message in self.received]

    def _login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        well = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        if well:
            self.logins.append(USER)
        # handled: it answers a refusal itself, with 535
        return AuthResult(success=well, handled=False)


@contextmanager
def mail_server(folder: Path | None, *, implicit: bool = False) -> Iterator[FakeMail]:
    """A running mail server."""
    server = FakeMail(folder, implicit)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def text_of(message: EmailMessage) -> str:
    """The words of a mail as plain text."""
    part = message.get_body(("plain",))
    assert part is not None
    return "\n".join(part.get_content().splitlines())


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return part.get_content()


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS with a certificate that the server signed itself, made once and kept in `folder`."""
    path = folder / "mail.pem"
    if not path.exists():
        path.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class _Handler:
    def __init__(self, mail: FakeMail) -> None:
        self._mail = mail

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self._mail.to_recipients.get(address, self._mail.to_recipients.get("*"))
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._mail.silent:
            await asyncio.sleep(3600)
        if self._mail.to_text is not None:
            return self._mail.to_text
        message = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(message, EmailMessage)
        self._mail.received += [(one, message) for one in envelope.rcpt_tos]
        return "250 OK"


class _Implicit(Controller):
    def _trigger_server(self) -> None:
        """Do not try the conversation out: the base class would send it in clear."""
        with socket.create_connection((self.hostname, self.port), timeout=5):
            pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
