"""What an alert says when it is sent: a subject, and the same words as text and as HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from nightdesk.core.masking import one_line
from nightdesk.store.delivery_rows import Alert
from nightdesk.store.message_rows import Level

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:)]")


@dataclass(frozen=True)
class Message:
    """One alert in the words of a mail or a chat."""

    level: Level
    subject: str
    text: str

    @property
    def html(self) -> str:
        """The text with its lines and paragraphs, and its addresses as links."""
        paragraphs = self.text.strip().split("\n\n")
        return "".join(f"<p>{_lines(one)}</p>" for one in paragraphs)


def message_of(alert: Alert, *, again: bool) -> Message:
    """The message of an alert.

    Parameters
    ----------
    alert : Alert
        What happened.
    again : bool
        Whether the receiver had it before and nobody has acknowledged it since.
    """
    about = alert.subject
    if alert.book is not None and alert.book not in about:
        about = f"{alert.book}: {about}"
    reminder = "still not acknowledged: " if again else ""
    end = f"Alert {alert.alert_id}, raised {alert.created_at:%Y-%m-%d %H:%M:%S} UTC."
    if alert.level == "EMERGENCY":
        end += f" It is repeated every hour until somebody says `nightdesk ack {alert.alert_id}`."
    return Message(
        alert.level, one_line(f"{alert.level} {reminder}{about}"), f"{alert.body.strip()}\n\n{end}"
    )


def _lines(paragraph: str) -> str:
    return "<br/>".join(_linked(line) for line in paragraph.splitlines())


def _linked(line: str) -> str:
    out, at = "", 0
    for found in _LINK.finditer(line):
        address = escape(found[0])
        out += f'{escape(line[at : found.start()])}<a href="{address}">{address}</a>'
        at = found.end()
    return out + escape(line[at:])
