"""The Flex web service, asked for a statement over HTTP on loopback."""

from collections.abc import Iterator

import pytest
from tests.conftest import PROJECT
from tests.fakes.flex import ACCOUNT, QUERY, TOKEN, FlexWebService, flex_statement, told
from tests.fakes.loopback import Bad

from nightdesk.brokers import Unreachable, Unreadable, flex_service
from nightdesk.brokers.flex_service import PATIENCE_SECONDS, PAUSE_SECONDS, FlexService
from nightdesk.brokers.flex_source import FlexSource
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import load_book
from nightdesk.core.errors import NightdeskError, Refused


class Clock:
    """Seconds that pass while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def server() -> Iterator[FlexWebService]:
    with FlexWebService(flex_statement([{}], [{}])) as running:
        yield running


def service(
    server: FlexWebService, clock: Clock | None = None, token: str = TOKEN, query: str = QUERY
) -> FlexService:
    clock = clock or Clock()
    return FlexService("ibkr-paper", token, query, server.url, sleep=clock.sleep, clock=lambda: clock.now)


def fault_of(asked: FlexService) -> NightdeskError:
    with pytest.raises(NightdeskError) as found:
        asked.fetch()
    error: BaseException | None = found.value
    while error is not None:
        assert TOKEN not in f"{error!r}"
        error = error.__cause__ or error.__context__
    return found.value


def test_a_statement_is_ordered_by_its_query_and_fetched_by_its_reference(server: FlexWebService) -> None:
    clock = Clock()
    assert service(server, clock).fetch() == server.statement
    assert server.asked == ["/SendRequest", "/GetStatement"]
    assert [one["q"] for one in server.queries] == [QUERY, "1234567890"]
    assert clock.slept == []


def test_a_statement_that_is_still_made_is_asked_for_again(server: FlexWebService) -> None:
    clock = Clock()
    server.unready = 3
    assert service(server, clock).fetch() == server.statement
    assert server.asked == ["/SendRequest", *["/GetStatement"] * 4]
    assert clock.slept == [PAUSE_SECONDS] * 3


@pytest.mark.parametrize("code", ["1018", "1009", "1021"])
def test_a_service_that_is_busy_is_asked_again(server: FlexWebService, code: str) -> None:
    server.script("/SendRequest", told(code, "Please try again shortly."))
    assert service(server).fetch() == server.statement


def test_one_that_is_never_ready_is_given_up_and_asked_no_more_than_the_service_allows(
    server: FlexWebService,
) -> None:
    clock = Clock()
    server.unready = 1_000
    error = fault_of(service(server, clock))
    assert isinstance(error, Unreachable)
    assert "Statement generation in progress" in str(error)
    assert clock.now < PATIENCE_SECONDS
    assert len(server.asked) <= 10


@pytest.mark.parametrize(
    ("token", "query", "words"),
    [
        ("9" * 24, QUERY, "Token is invalid. (1015); the token is unknown: copy it again"),
        (TOKEN, "1", "Query is invalid. (1014); the query's id is wrong"),
    ],
)
def test_what_the_service_refuses_is_refused_with_what_to_put_right(
    server: FlexWebService, token: str, query: str, words: str
) -> None:
    error = fault_of(service(server, token=token, query=query))
    assert isinstance(error, Refused)
    assert words in str(error)


def test_a_token_that_has_expired_asks_for_a_new_one(server: FlexWebService) -> None:
    server.script("/SendRequest", told("1012", "Token has expired."))
    assert "the token has expired: make a new one" in str(fault_of(service(server)))
    assert server.asked == ["/SendRequest"]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Bad(503, "down"), Unreachable, "an error of its own (503)"),
        (Bad(404, "no"), Refused, "refuses the request (404)"),
        (Bad(302, "", {"Location": "http://127.0.0.1:1/"}), Refused, "a redirection (302)"),
        (Bad(0), Unreachable, "the connection failed"),
        (Bad(200, "<html>maintenance</html>"), Unreadable, "something else came in place of it"),
        (Bad(200, f"<html>{TOKEN}</html>"), Unreadable, "<html>***</html>"),
        (Bad(200, ""), Unreadable, "something else came in place of it"),
        (Bad(200, "<FlexStatementResponse><Status>Suc"), Unreadable, "something else came in place of it"),
        (Bad(200, "<FlexStatementResponse", claimed=900), Unreachable, "ends in the middle"),
    ],
)
@pytest.mark.parametrize("step", ["/SendRequest", "/GetStatement"])
def test_an_answer_that_is_none_says_so_and_is_not_asked_for_twice(
    server: FlexWebService, step: str, answer: Bad, kind: type[Exception], words: str
) -> None:
    server.script(step, answer)
    error = fault_of(service(server))
    assert type(error) is kind
    assert words in str(error)
    assert server.asked.count(step) == 1


@pytest.mark.parametrize(("bound", "seconds"), [("WHOLE_SECONDS", 0.5), ("PATIENCE_SECONDS", 1.0)])
def test_an_answer_that_does_not_end_is_given_up_and_the_last_one_with_all_of_it(
    server: FlexWebService, monkeypatch: pytest.MonkeyPatch, bound: str, seconds: float
) -> None:
    monkeypatch.setattr(flex_service, bound, seconds)
    server.script("/GetStatement", Bad(200, "<FlexQueryResponse" + " " * 200, pause=0.05))
    assert f"its answer did not end within {seconds:g} s" in str(fault_of(service(server)))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://flex.example.com", "would send the token unencrypted"),
        ("ftp://flex.example.com", "its address must be https://"),
        ("https://me:secret@flex.example.com", "its address must be https://"),
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused(url: str, words: str) -> None:
    with pytest.raises(Refused) as found:
        FlexService("ibkr-paper", TOKEN, QUERY, url)
    assert words in str(found.value)
    assert "secret" not in str(found.value)


def test_a_token_with_a_line_break_is_refused() -> None:
    with pytest.raises(Refused, match="copy it again"):
        FlexService("ibkr-paper", f"{TOKEN}\n", QUERY)


def test_the_token_shows_in_no_representation() -> None:
    assert TOKEN not in repr(FlexService("ibkr-paper", TOKEN, QUERY))


def test_blanks_around_what_the_environment_says_are_no_part_of_it(server: FlexWebService) -> None:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    book = book.model_copy(update={"broker": BrokerEntry(kind="ibkr", account="ibkr-paper")})
    said = {"KEY": ACCOUNT, "FLEX_KEY": QUERY, "FLEX_SECRET": TOKEN, "FLEX_URL": server.url}
    source = FlexSource(
        book, {f"NIGHTDESK_ACCOUNT_IBKR_PAPER_{name}": f" {one}\n" for name, one in said.items()}
    )
    assert source.fetch().account == ACCOUNT
    blank = FlexSource(book, {"NIGHTDESK_ACCOUNT_IBKR_PAPER_KEY": " "})
    assert not blank.can_fetch
    with pytest.raises(Refused, match="set NIGHTDESK_ACCOUNT_IBKR_PAPER_KEY"):
        blank.read(server.statement)
