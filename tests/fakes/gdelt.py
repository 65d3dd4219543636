"""A server on loopback that answers as GDELT's DOC 2.0 service does: lists of articles, and texts of refusal.

Modes, parameters, stamps and texts follow what the GDELT Project publishes: at most 250 articles, stamps of
quarters of an hour, an empty object where nothing was found, and refusals as plain text with status 200.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

from nightdesk.feeds.gdelt_news import ARTICLES, URL

TEXT = {"Content-Type": "text/html; charset=utf-8"}
LONGEST_QUERY = 250

TOO_OFTEN_TEXT = "Please limit requests to one every 5 seconds or contact the project for larger queries.\n"
TOO_OFTEN = Bad(200, TOO_OFTEN_TEXT, TEXT)
TOO_OFTEN_429 = Bad(429, TOO_OFTEN_TEXT, TEXT)
TOO_LONG = Bad(200, "Your query was too short or too long.\n", TEXT)
SHORT_PHRASE = Bad(200, "The specified phrase is too short.\n", TEXT)
NO_BRACKETS = Bad(200, "Queries containing OR'd terms must be surrounded by ().\n", TEXT)
NEEDLESS_BRACKETS = Bad(200, "Parentheses may only be used around OR'd statements.\n", TEXT)
BUSY = Bad(200, "The service is overloaded.\n", TEXT)


def list_of(articles: Sequence[Any]) -> Bad:
    """A good answer, whatever its articles are; of none an empty object."""
    body = json.dumps({"articles": list(articles)}) if articles else "{}"
    return Bad(200, body, {"Content-Type": "application/json; charset=utf-8"})


@dataclass(frozen=True)
class GdeltArticle:
    """An article, and when it was seen."""

    title: str
    seen: datetime
    url: str
    domain: str = "paper.example"

    def as_json(self) -> dict[str, Any]:
        stamp = self.seen.astimezone(UTC).replace(minute=self.seen.minute // 15 * 15, second=0)
        return {
            "url": self.url,
            "url_mobile": "",
            "title": self.title,
            "seendate": f"{stamp:%Y%m%dT%H%M%SZ}",
            "socialimage": "",
            "domain": self.domain,
            "language": "English",
            "sourcecountry": "United States",
        }


class FakeGdelt(ScriptedServer):
    """The server, a context manager: `articles` are what it has."""

    def __init__(self) -> None:
        super().__init__()
        self.articles: list[GdeltArticle] = []

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the source."""
        return {URL: self.url}

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path != ARTICLES or query.get("mode") != "artlist" or query.get("format") != "json":
            return Bad(404, "<html><body>404</body></html>", TEXT)
        text = query.get("query", "")
        if not 3 <= len(text) <= LONGEST_QUERY:
            return TOO_LONG
        terms = re.sub(r"sourcelang:\w+", "", text).strip()
        if any(" " not in one and len(one) < 5 for one in re.findall(r'"([^"]*)"', terms)):
            return SHORT_PHRASE
        bracketed = re.fullmatch(r"\((.*)\)", terms)
        if (" OR " in terms) != (bracketed is not None):
            return NO_BRACKETS if bracketed is None else NEEDLESS_BRACKETS
        words = [one.strip('"').lower() for one in (bracketed[1] if bracketed else terms).split(" OR ")]
        start, end = query["startdatetime"], query["enddatetime"]
        found = [
            row
            for one in self.articles
            if start <= re.sub(r"\D", "", (row := one.as_json())["seendate"]) <= end
            and any(word in one.title.lower() for word in words)
        ]
        found.sort(key=lambda row: (row["seendate"], row["url"]), reverse=query.get("sort") == "datedesc")
        return list_of(found[: min(250, int(query.get("maxrecords", "75")))])
