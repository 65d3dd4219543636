"""The ways in which a vendor's service answers badly: the rows of the feed matrix.

Each is made of the vendor's own good answers, so that it holds for every vendor.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.fakes.loopback import Bad
from tests.fakes.scripted import Asked, Spoil

#: Seconds that a feed waits for a byte, and for a whole answer, while an answer is late.
READ_SECONDS, WHOLE_SECONDS = 0.4, 0.8

#: Pages of one question, beyond which a feed takes them to have no end.
MOST_PAGES = 20

#: The largest answer that is read is smaller.
_TOO_LARGE = 5 * 1024 * 1024

Good = Callable[[Asked], Bad]


@dataclass
class LaidFault:
    """A fault that is laid at a server.

    Attributes
    ----------
    spoil : Spoil or None
        What is answered; None where the fault lies elsewhere.
    environ : callable
        What becomes of what leads the desk to the vendor.
    unknown : bool
        The vendor has nothing of the symbol.
    ahead : bool
        The vendor has bars of days to come.
    short_pages : bool
        Lists are cut into short pages; where a vendor has none the fault is none.
    late : bool
        Answers are late, and are not waited for for long.
    rows_changed : bool
        Whether the vendor has other rows by now.
    changed : callable
        Lets the vendor have other rows; set by who lays the trouble.
    met : int
        How many answers it has changed.
    """

    spoil: Spoil | None = None
    environ: Callable[[dict[str, str]], dict[str, str]] = lambda environ: environ
    unknown: bool = False
    ahead: bool = False
    short_pages: bool = False
    late: bool = False
    met: int = 0
    rows_changed: bool = False
    changed: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class FeedFault:
    """A row: how the trouble is made, whether it is the whole service's, whether one answer can be bad."""

    name: str
    make: Callable[[], LaidFault]
    only_service: bool = False
    single: bool = True


def _always(answer: Bad) -> Callable[[], LaidFault]:
    return lambda: LaidFault(lambda asked, good: answer)


def _changing(change: Callable[[str], str | Bad], late: bool = False) -> Callable[[], LaidFault]:
    """Each good answer is changed; one that stays as it was is not met."""

    def make() -> LaidFault:
        def spoil(asked: Asked, good: Good) -> Bad:
            answer = good(asked)
            made = change(answer.body)
            return made if isinstance(made, Bad) else replace(answer, body=made)

        return LaidFault(spoil, late=late)

    return make


def _json(change: Callable[[Any], Any]) -> Callable[[str], str]:
    """A change of a parsed answer; of what is no JSON none."""

    def changed(body: str) -> str:
        try:
            return json.dumps(change(json.loads(body)))
        except ValueError:
            return body

    return changed


def _numbers(into: Any) -> Callable[[Any], Any]:
    """Every number of the rows becomes another thing; what says how many rows there are stays."""

    def change(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {
                key: one if key in ("resultsCount", "queryCount", "count") else change(one)
                for key, one in tree.items()
            }
        if isinstance(tree, list):
            return [change(one) for one in tree]
        return into if isinstance(tree, int | float) and not isinstance(tree, bool) else tree

    return change


def _no_lists(tree: Any) -> Any:
    """Every list of rows becomes one object."""
    if isinstance(tree, dict):
        return {key: _no_lists(one) for key, one in tree.items()}
    return {"a": 1} if isinstance(tree, list) else tree


def _no_rows_as_rows(tree: Any) -> Any:
    """Every row becomes a word."""
    if isinstance(tree, dict):
        return {key: _no_rows_as_rows(one) for key, one in tree.items()}
    return ["x" for _ in tree] if isinstance(tree, list) else tree


#: By which parameters vendors name a page; the first one has none.
_OF_PAGES = frozenset({"cursor", "page_token", "pageToken", "page", "offset", "$offset"})


def _is_first(asked: Asked) -> bool:
    return _OF_PAGES.isdisjoint(asked.query)


def _breaking() -> LaidFault:
    """All pages but the first fail."""
    return LaidFault(
        lambda asked, good: good(asked) if _is_first(asked) else Bad(500, "{}"), short_pages=True
    )


def _twice() -> LaidFault:
    """The second page is the first one again, once; then it goes on."""
    first: dict[str, Bad] = {}

    def spoil(asked: Asked, good: Good) -> Bad:
        if _is_first(asked):
            first[asked.path] = good(asked)
        return first.pop(asked.path, None) or good(asked) if not _is_first(asked) else first[asked.path]

    return LaidFault(spoil, short_pages=True)


def _endless() -> LaidFault:
    """Every page is the first one, which names a next one."""
    first: dict[str, Bad] = {}

    def spoil(asked: Asked, good: Good) -> Bad:
        if _is_first(asked):
            first[asked.path] = good(asked)
        return first.get(asked.path) or good(asked)

    return LaidFault(spoil, short_pages=True)


def _moving() -> LaidFault:
    """Once the first page is given the vendor has other rows."""
    trouble = LaidFault(short_pages=True)

    def spoil(asked: Asked, good: Good) -> Bad:
        answer = good(asked)
        if _is_first(asked):
            trouble.changed()
        return answer

    trouble.spoil = spoil
    return trouble


_DAY, _EPOCH = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"(?<!\d)(\d{10}|\d{13})(?!\d)")


def _later(asked: Asked, days: int = 6) -> Asked:
    """The same question up to some days later, however it says days."""
    texts = [asked.path, *asked.query.values()]
    newest = max((one for text in texts for one in _DAY.findall(text)), default=None)
    stamps = [one for text in texts for one in _EPOCH.findall(text)]

    def moved(text: str) -> str:
        if newest is not None:
            text = text.replace(newest, str(date.fromisoformat(newest) + timedelta(days=days)))
        if stamps:
            last = max(stamps, key=lambda one: int(one.ljust(13, "0")))
            step = days * 86_400 * (1000 if len(last) == 13 else 1)
            text = text.replace(last, str(int(last) + step))
        return text

    return replace(asked, path=moved(asked.path), query={key: moved(one) for key, one in asked.query.items()})


def _more(ahead: bool) -> Callable[[], LaidFault]:
    """What lies after the span that was asked for is given too."""
    return lambda: LaidFault(lambda asked, good: good(_later(asked)), ahead=ahead)


def _without_key(environ: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.endswith("_URL")}


def _wrong_key(environ: dict[str, str]) -> dict[str, str]:
    return {
        name: value if name.endswith("_URL") else "wrong-" + value[::-1] for name, value in environ.items()
    }


def _nobody_there(environ: dict[str, str]) -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    return {name: closed if name.endswith("_URL") else value for name, value in environ.items()}


def _busy(after: str | None) -> Bad:
    return Bad(429, "{}", {} if after is None else {"Retry-After": after})


_HTML = {"Content-Type": "text/html"}
_BUSY_UNTIL = f"{datetime(2100, 1, 1, tzinfo=UTC):%a, %d %b %Y %H:%M:%S GMT}"

FAULTS: tuple[FeedFault, ...] = (
    FeedFault("no key", lambda: LaidFault(environ=_without_key), only_service=True, single=False),
    FeedFault("wrong key", lambda: LaidFault(environ=_wrong_key), only_service=True, single=False),
    FeedFault(
        "connection refused", lambda: LaidFault(environ=_nobody_there), only_service=True, single=False
    ),
    FeedFault("unknown symbol", lambda: LaidFault(unknown=True), single=False),
    FeedFault("401", _always(Bad(401, "{}"))),
    FeedFault("403", _always(Bad(403, "{}"))),
    FeedFault("400", _always(Bad(400, "{}"))),
    FeedFault("404", _always(Bad(404, "{}"))),
    FeedFault("429, Retry-After 7 s", _always(_busy("7"))),
    FeedFault("429, Retry-After 1 h", _always(_busy("3600"))),
    FeedFault("429, Retry-After a date", _always(_busy(_BUSY_UNTIL))),
    FeedFault("429", _always(_busy(None))),
    FeedFault("500", _always(Bad(500, "Internal Server Error"))),
    FeedFault("redirect", _always(Bad(302, "{}", {"Location": "http://127.0.0.1:9/"}))),
    FeedFault("reset", _always(Bad(0))),
    FeedFault("time-out", lambda: LaidFault(lambda asked, good: Bad(silence=2 * READ_SECONDS), late=True)),
    FeedFault("trickle", _changing(lambda body: Bad(body=body.ljust(200), pause=0.02), late=True)),
    FeedFault("too large", _changing(lambda body: body + " " * _TOO_LARGE)),
    FeedFault("HTML", _always(Bad(200, "<html><body>Back soon</body></html>", _HTML))),
    FeedFault("empty 200", _always(Bad(200, ""))),
    FeedFault("truncated JSON", _changing(lambda body: body[: len(body) // 2])),
    FeedFault("cut off", _changing(lambda body: Bad(body=body[: len(body) // 2], claimed=len(body)))),
    FeedFault("words for numbers", _changing(_json(_numbers("n/a")))),
    FeedFault("nulls for numbers", _changing(_json(_numbers(None)))),
    FeedFault("lists for numbers", _changing(_json(_numbers([1.0])))),
    FeedFault("an object for a list", _changing(_json(_no_lists))),
    FeedFault("words for rows", _changing(_json(_no_rows_as_rows))),
    FeedFault("an empty object", _changing(_json(lambda tree: {}))),
    FeedFault("a list at the top", _changing(_json(lambda tree: [tree]))),
    FeedFault("null", _changing(_json(lambda tree: None))),
    FeedFault("paging breaks", _breaking, single=False),
    FeedFault("a page twice", _twice, single=False),
    FeedFault("endless pages", _endless, single=False),
    FeedFault("pages change", _moving, single=False),
    FeedFault("tomorrow's bars", _more(ahead=True)),
    FeedFault("today's unfinished bar", _more(ahead=False)),
)
