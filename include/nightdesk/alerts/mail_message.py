"""A stored mail as the message that a mail server takes: plain text, HTML, and pictures inline.

The parts are nested as RFC 2046 and RFC 2387 want it: ``alternative(plain, related(html, pictures))``. A
program without HTML shows the text, and no program lists the pictures as attachments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from nightdesk.core.masking import one_line
from nightdesk.store.mail_rows import StoredMail

#: Headers that are the desk's to say, whatever the address of a route asks for.
_OWN = {"from", "to", "cc", "bcc", "subject", "date", "message-id", "auto-submitted", "mime-version"}


def mail_message(
    mail: StoredMail,
    sender: tuple[str, str],
    receiver: tuple[str, str],
    moment: datetime,
    *,
    reply_to: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """The message of a mail to one receiver.

    Its Message-ID follows from the mail, so a program that is sent it twice shows it once.

    Parameters
    ----------
    mail : StoredMail
    sender, receiver : tuple of str
        Name (may be empty) and address.
    moment : datetime
        When it is sent; timezone-aware.
    reply_to : iterable of str
        Addresses that an answer goes to, where it is not to go to the sender.
    headers : mapping of str to str, optional
        Further ones; of those that the desk says itself none is taken.

    Raises
    ------
    ValueError
        When an address is none; nothing that is put into a header can end its line.
    """
    subject = one_line(mail.subject)
    message = EmailMessage(policy=_policy(subject))
    message["Subject"] = subject
    message["From"], message["To"] = _address(sender), _address(receiver)
    answers = [_address(("", one)) for one in reply_to]
    if answers:
        message["Reply-To"] = answers
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = f"<{_digest(mail)}@{sender[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office note answers it
    for name, value in (headers or {}).items():
        if name.lower() not in _OWN and message.get(name) is None:
            message[name] = one_line(value)
    message.set_content(mail.body, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    page = message.get_payload()[1]  # type: ignore[index] # of two alternatives a list
    for name, picture in (("equity", mail.equity), ("drawdown", mail.drawdown)):
        if picture is not None:
            page.add_related(  # type: ignore[union-attr] # the HTML, a message itself
                picture, "image", "png", cid=f"<{name}>", disposition="inline", filename=f"{name}.png"
            )
    return message


def _policy(subject: str) -> policy.EmailPolicy[EmailMessage]:
    """SMTP's own; a plain subject stays in one line, which RFC 5322 allows up to 998 characters.

    Python folds one of 70 to 78 right behind the header's name, and some readers then show a blank before it.
    """
    longest = len("Subject: ") + len(subject)
    return policy.SMTP.clone(max_line_length=max(78, longest)) if subject.isascii() else policy.SMTP


def _address(named: tuple[str, str]) -> Address:
    name, address = named
    return Address(display_name=one_line(name or ""), addr_spec=address)


def _digest(mail: StoredMail) -> str:
    text = f"{mail.kind} {mail.book} {mail.session} {mail.html}"
    return f"nightdesk.{hashlib.sha256(text.encode()).hexdigest()[:32]}"
