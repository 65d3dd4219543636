"""A server on loopback that gives a feed of RSS 2.0 at one path, and one of Atom at another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

RSS, ATOM = "/markets.rss", "/markets.atom"
XML = {"Content-Type": "application/rss+xml"}


@dataclass(frozen=True)
class RssEntry:
    """An entry; without an instant it says none."""

    title: str
    published_at: datetime | None
    guid: str = ""
    link: str = "https://paper.example/article"

    def as_rss(self) -> str:
        at = "" if self.published_at is None else f"<pubDate>{format_datetime(self.published_at)}</pubDate>"
        name = f'<guid isPermaLink="false">{escape(self.guid)}</guid>' if self.guid else ""
        return f"<item><title>{escape(self.title)}</title><link>{escape(self.link)}</link>{name}{at}</item>"

    def as_atom(self) -> str:
        at = self.published_at or datetime(1, 1, 1, tzinfo=UTC)
        return (
            f"<entry><title>{escape(self.title)}</title><link href='{escape(self.link)}'/>"
            f"<id>{escape(self.guid or self.link)}</id><updated>{at.isoformat()}</updated></entry>"
        )


def rss_of(items: str, title: str = "A Paper: Markets") -> str:
    """A feed of RSS with such items."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{escape(title)}</title><link>https://paper.example</link>{items}</channel></rss>"
    )


class FakeRss(ScriptedServer):
    """The server, a context manager: `entries` are in both feeds, the newest `most` of them."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[RssEntry] = []
        self.most = 100

    @property
    def address(self) -> str:
        """Of the feed of RSS."""
        return f"{self.url}{RSS}"

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        zero = datetime.min.replace(tzinfo=UTC)
        newest = sorted(self.entries, key=lambda one: one.published_at or zero, reverse=True)[: self.most]
        if path == RSS:
            return Bad(200, rss_of("".join(one.as_rss() for one in newest)), XML)
        if path == ATOM:
            entries = "".join(one.as_atom() for one in newest)
            head = '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>A Paper</title>'
            return Bad(200, f"{head}<id>urn:x</id>{entries}</feed>", XML)
        return Bad(404, "no such page")
