"""Answers that do not end, are too large or come from somebody else: bounded, and said in words."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from curl_cffi.requests.exceptions import RequestException
from tests.conftest import PROJECT
from tests.fakes.raw_server import RawServer, Sending, sending, trickling
from tests.fakes.smtp import self_signed

from nightdesk import bounded_http
from nightdesk.brokers import Unreachable, Unreadable
from nightdesk.brokers.alpaca import AlpacaBroker
from nightdesk.brokers.alpaca_http import Denied, Patience
from nightdesk.brokers.credentials import Credentials
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import load_book
from nightdesk.core.errors import Transient
from nightdesk.feeds import alpaca_data_line
from nightdesk.feeds.alpaca_data_line import AlpacaDataLine
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.yahoo_http import CHART, WatchedSession
from nightdesk.machine import transport
from nightdesk.machine.environment import Login

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SMALL = 200_000


def chunks(piece: bytes, times: int) -> Iterator[bytes]:
    for _ in range(times):
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


@pytest.fixture(autouse=True)
def _tight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "MOST_BYTES", SMALL)


def broker_at(url: str, seconds: float = 20.0) -> AlpacaBroker:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    book = book.model_copy(update={"broker": BrokerEntry(kind="alpaca", account="alpaca-paper")})
    patience = Patience(connect=seconds, read=seconds, whole=seconds, tries=1, total=1.0)
    return AlpacaBroker(book, Credentials("key", "secret", url), patience)


def news_of(url: str) -> None:
    line = AlpacaDataLine("the news of alpaca", "key", "secret", url, timeout=5.0, sleep=lambda _: None)
    line.news("SPY", datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC))


def fault_of_chart(url: str, seconds: float = 20.0) -> str:
    """What is said of a request for a chart that fails."""
    session = WatchedSession(url, seconds)
    with pytest.raises(RequestException):
        session.request("GET", f"https://query1.finance.yahoo.com{CHART}SPY")
    assert session.failure is not None
    return session.failure.reason


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


TRICKLES = {
    "a body that says how long it is": trickling(OK + b"Content-Length: 9999\r\n\r\n[", 30.0),
    "a body that ends with its connection": trickling(OK + b"\r\n[", 30.0),
    "a chunk": trickling(CHUNKED + b"ffff\r\n[", 30.0),
    "the headers": trickling(OK + b"X-Long: ", 30.0),
}


@pytest.mark.parametrize("trickle", TRICKLES.values(), ids=TRICKLES)
def test_an_answer_that_comes_byte_by_byte_is_not_waited_for_without_end(
    trickle: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca_data_line, "WHOLE_SECONDS", 0.6)
    with RawServer(trickle) as server:
        with in_time(20.0), pytest.raises(Unreachable, match=r"did not end within 0.6 s|no answer within"):
            broker_at(server.url, 0.6).clock()
        with in_time(20.0), pytest.raises(SourceFault, match=r"did not end within 0.6 s|no answer within"):
            news_of(server.url)
        with in_time(20.0):
            assert "no answer within 0.6 s" in fault_of_chart(server.url, 0.6)


LARGE = {
    "it says so": sending(OK + b"Content-Length: 60000000\r\n\r\n", *[b" " * 100_000] * 600),
    "in chunks": lambda: iter([CHUNKED, *chunks(b" " * 100_000, 600)]),
    "packed": sending(OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b" " * 60_000_000)),
}


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE)
def test_an_answer_of_sixty_megabytes_is_not_read(large: Sending) -> None:
    with RawServer(large) as server:
        with pytest.raises(Unreadable, match="answered too much") as caught:
            broker_at(server.url).positions()
        assert len(str(caught.value)) < 500
        with pytest.raises(SourceFault, match="answered too much"):
            news_of(server.url)
        assert "answered too much" in fault_of_chart(server.url)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    path.write_bytes(self_signed())
    return path


@pytest.mark.parametrize(
    ("ask", "fault"),
    [(lambda url: broker_at(url).clock(), Unreachable), (news_of, SourceFault)],
    ids=["broker", "news"],
)
def test_a_certificate_that_is_not_accepted_is_called_one(
    certificate: Path, ask: Callable[[str], object], fault: type[Exception]
) -> None:
    with RawServer(sending(OK + b"\r\n{}"), certificate) as server:
        host = server.url.removeprefix("https://")
        with pytest.raises(fault, match=f"the certificate that {host} shows is not accepted .self-signed"):
            ask(server.url)
        assert "certificate" in fault_of_chart(server.url)
        assert server.requests == 0


def test_encryption_where_there_is_none_is_called_so() -> None:
    with RawServer(sending(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        host = server.url.removeprefix("http://")
        with pytest.raises(Unreachable, match=f"no encrypted connection to {host} comes about"):
            broker_at(f"https://{host}").clock()


def test_a_long_refusal_is_kept_in_short() -> None:
    long = b'{"code": 40310000, "message": "%s", "more": "%s"}' % (b"m" * 90_000, b"x" * 90_000)
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(long), long)
    with RawServer(sending(refusal)) as server:
        with pytest.raises(Denied) as caught:
            broker_at(server.url).clock()
        assert len(str(caught.value)) < 500
        assert len(str(caught.value.answer)) < 3000


@pytest.mark.parametrize(
    "body",
    [trickling(OK + b"Content-Length: 9999\r\n\r\n[", 30.0), LARGE["it says so"]],
    ids=["slow", "large"],
)
def test_airflows_own_answer_is_bounded_too(body: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WHOLE_SECONDS", 0.6)
    monkeypatch.setattr(transport, "MOST_BYTES", SMALL)
    token = b'{"access_token": "abc"}'
    answers = iter(
        [sending(OK + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(token), token)), body]
    )
    with RawServer(lambda: next(answers)()) as server, in_time(20.0):
        rest = transport.Rest(server.url, Login("someone", "secret"))
        with pytest.raises(Transient, match=r"does not end within 0\.6 s and 200,000 bytes"):
            rest.send("GET", "dags")
