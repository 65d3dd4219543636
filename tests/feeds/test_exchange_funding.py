"""Funding rates of exchanges over ccxt: each at its own instant, and what is made of bad answers."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.desks import book
from tests.fakes.binance import BANNED, ELSEWHERE, FUNDING, FakeBinance
from tests.fakes.bybit import (
    BLOCKED,
    HISTORY,
    TOO_FREQUENT,
    TOO_MANY_VISITS,
    FakeBybit,
    history_of,
)
from tests.fakes.loopback import Bad
from tests.fakes.yahoo import EMPTY, HTML, SERVER_ERROR, SILENT, too_many
from tests.feeds.random_answers import answers_like
from tests.feeds.test_funding_files import perpetual

from nightdesk.core.errors import Refused, Transient
from nightdesk.core.funding import MOST, FundingRate
from nightdesk.feeds.chain import MemoryHealth
from nightdesk.feeds.exchange_funding import BinanceFunding, BybitFunding, ExchangeFunding
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.funding_source import Funded
from nightdesk.feeds.funding_sources import (
    FundingWanted,
    check_funding,
    funding_history,
    gather_funding,
    make_funding,
)
from nightdesk.feeds.source_fault import SourceFault

PERPETUAL, NOW = "BTCUSDT-PERP", datetime(2022, 3, 9, 12, tzinfo=UTC)
FIRST, LAST = datetime(2022, 3, 5, tzinfo=UTC), datetime(2022, 3, 8, tzinfo=UTC)
Server = FakeBinance | FakeBybit


def stamp(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def rates(hours: int = 8, count: int = 10, first: datetime = FIRST) -> list[tuple[int, str]]:
    return [(stamp(first + timedelta(hours=hours * n)), f"{0.0001 + n / 1e6:.8f}") for n in range(count)]


@pytest.fixture(params=("binance", "bybit"))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with (FakeBinance if request.param == "binance" else FakeBybit)() as fake:
        fake.rates["BTCUSDT"] = rates()
        yield fake


@pytest.fixture
def source(server: Server) -> ExchangeFunding:
    return source_at(server)


def source_at(server: Server, *, timeout: float = 0.5) -> ExchangeFunding:
    kind = BinanceFunding if isinstance(server, FakeBinance) else BybitFunding
    return kind(environ=server.environ, now=lambda: NOW, timeout=timeout, sleep=lambda _: None)


def path_of(server: Server) -> str:
    return FUNDING if isinstance(server, FakeBinance) else HISTORY


def test_each_rate_has_its_own_instant(server: Server, source: ExchangeFunding) -> None:
    found = source.fetch(PERPETUAL, FIRST, LAST)
    assert [one.instant for one in found.rates] == [FIRST + timedelta(hours=8 * n) for n in range(10)]
    assert found.rates[0] == FundingRate(PERPETUAL, FIRST, FIRST, Decimal("0.0001"))
    assert found.dropped == {}


@pytest.mark.parametrize("hours", [1, 4, 8])
def test_any_rhythm_is_taken_as_it_comes_and_a_stamp_to_its_second(server: Server, hours: int) -> None:
    late = [(at + 7, rate) for at, rate in rates(hours, 13)]
    changed = late[:8] + late[8::2]  # from then on half as often
    server.rates["BTCUSDT"] = changed
    found = source_at(server).fetch(PERPETUAL, FIRST, NOW)
    assert [stamp(one.instant) + 7 for one in found.rates] == [at for at, _ in changed]


def test_pages_are_followed_to_the_end(server: Server) -> None:
    server.rows_a_page = 3
    assert len(source_at(server).fetch(PERPETUAL, FIRST, LAST).rates) == 10
    assert len(server.asked) == 4  # nothing can follow the last one


def test_a_page_that_fails_in_the_middle_is_asked_again(server: Server) -> None:
    server.rows_a_page = 3
    server.script(path_of(server), None, SERVER_ERROR)
    assert len(source_at(server).fetch(PERPETUAL, FIRST, LAST).rates) == 10


def test_what_is_not_yet_is_not_asked_for(server: Server, source: ExchangeFunding) -> None:
    source.fetch(PERPETUAL, FIRST, NOW + timedelta(days=30))
    assert max(int(one["endTime"]) for one in server.queries) <= stamp(NOW)


@pytest.mark.parametrize("symbol", ["BTC-PERP", "BTCUSDT", "SPY"])
def test_a_symbol_without_a_pair_is_absent_and_refused_in_a_book(
    source: ExchangeFunding, symbol: str
) -> None:
    assert not source.covers(symbol)
    with pytest.raises(SourceFault, match="call the perpetual as BTCUSDT-PERP") as error:
        source.fetch(symbol, FIRST, LAST)
    assert error.value.fault is Fault.ABSENT


def test_bybit_calls_a_perpetual_against_usdc_by_its_coin() -> None:
    with FakeBybit() as server:
        server.rates["ETHPERP"] = rates()
        assert len(source_at(server).fetch("ETHUSDC-PERP", FIRST, LAST).rates) == 10


def both(binance: Any, bybit: Any) -> Callable[[Server], Bad]:
    """A good status with a body as each of them writes it."""
    return lambda server: Bad(200, json.dumps(binance if isinstance(server, FakeBinance) else bybit))


def rows(*given: tuple[Any, Any], pair: str = "BTCUSDT") -> Callable[[Server], Bad]:
    return both(
        [{"symbol": pair, "fundingTime": at, "fundingRate": rate} for at, rate in given],
        {
            "retCode": 0,
            "result": {
                "list": [
                    {"symbol": pair, "fundingRateTimestamp": at, "fundingRate": rate} for at, rate in given
                ]
            },
        },
    )


def same(answer: Bad) -> Callable[[Server], Bad]:
    return lambda server: answer


IN, AFTER = stamp(FIRST), stamp(datetime(2100, 1, 1, tzinfo=UTC))
#: (what happens, answer, fault, words)
FAULTS = [
    ("too many requests", same(too_many()), Fault.PASSING, "asks for fewer requests (429)"),
    ("a long wait", same(too_many("600")), Fault.PASSING, "it wants to be asked again in 600 s"),
    ("an error of the server", same(SERVER_ERROR), Fault.PASSING, "has an error of its own (500)"),
    ("HTML", same(HTML), Fault.PASSING, "an HTML page where funding rates were asked for"),
    ("nothing", same(EMPTY), Fault.PASSING, "an empty page where funding rates were asked for"),
    ("half of the JSON", same(Bad(200, '[{"symbol":')), Fault.PASSING, "no JSON where funding rates"),
    ("no list", both([[]], {"retCode": 0, "result": {}}), Fault.PASSING, "funding rates"),
    ("no object", both([1], {"retCode": 0, "result": {"list": [1]}}), Fault.PASSING, "rates without symbol"),
    ("no number", rows((IN, "low")), Fault.PASSING, "funding rates that are no numbers"),
    ("not finite", rows((IN, "NaN")), Fault.PASSING, "funding rates that are no numbers"),
    ("a truth", rows((IN, True)), Fault.PASSING, "funding rates that are no numbers"),
    ("no instant", rows(("soon", "0.1")), Fault.PASSING, "funding rates whose instants are no numbers"),
    ("of the future", rows((AFTER, "0.0001")), Fault.PASSING, "funding rates of 2100-01-01 00:00:00 UTC"),
    ("another pair", rows((IN, "0.0001"), pair="ETHUSDT"), Fault.FINAL, "'ETHUSDT', and BTCUSDT was asked"),
    ("two that differ", rows((IN, "0.0001"), (IN, "0.2")), None, ""),
    (
        "two that differ and could be",
        rows((IN, "0.0001"), (IN, "0.0002")),
        Fault.PASSING,
        "two funding rates of 2022-03-05 00:00:00 UTC that differ",
    ),
    ("elsewhere", same(Bad(302, "", {"Location": "http://x/"})), Fault.FINAL, "a redirection (302)"),
    ("silence", same(SILENT), Fault.PASSING, "no answer within 0.3 s"),
]


@pytest.mark.parametrize(
    ("answer", "fault", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_a_fault_is_told_apart(
    server: Server, answer: Callable[[Server], Bad], fault: Fault | None, words: str
) -> None:
    server.script(path_of(server), *[answer(server)] * 3)
    if fault is None:
        found = source_at(server).fetch(PERPETUAL, FIRST, FIRST)
        assert [one.rate for one in found.rates] == [Decimal("0.0001")]
        assert found.dropped == {"funding rates beyond 5% of the notional": 1}
        return
    with pytest.raises(SourceFault) as error:
        source_at(server, timeout=0.3).fetch(PERPETUAL, FIRST, FIRST)
    assert words in error.value.reason
    assert error.value.fault is fault


@pytest.mark.parametrize(
    ("make", "answer", "fault", "words"),
    [
        (FakeBinance, BANNED, Fault.PASSING, "has banned this address"),
        (FakeBinance, ELSEWHERE, Fault.FINAL, "does not serve this place"),
        (FakeBybit, TOO_MANY_VISITS, Fault.PASSING, "an error (10006: Too many visits!)"),
        (FakeBybit, TOO_FREQUENT, Fault.PASSING, "for asking too often (403)"),
        (FakeBybit, BLOCKED, Fault.FINAL, "does not serve this place"),
        (FakeBybit, Bad(200, "{}"), Fault.PASSING, "answered no code where funding rates"),
        (FakeBybit, Bad(200, '{"retCode": 10024, "retMsg": "no"}'), Fault.FINAL, "the request (10024: no)"),
        (FakeBybit, Bad(200, '{"retCode": 10001, "retMsg": "time"}'), Fault.FINAL, "(10001: time)"),
        (FakeBybit, Bad(404, "404"), Fault.ABSENT, "knows nothing of it (404)"),
    ],
)
def test_each_exchange_refuses_in_its_own_words(
    make: type[Server], answer: Bad, fault: Fault, words: str
) -> None:
    with make() as server:
        server.always("/", answer)
        with pytest.raises(SourceFault) as error:
            source_at(server).fetch(PERPETUAL, FIRST, LAST)
    assert words in error.value.reason
    assert error.value.fault is fault


def test_a_perpetual_that_it_does_not_have_is_absent(server: Server, source: ExchangeFunding) -> None:
    with pytest.raises(SourceFault, match="it has no such p") as error:
        source.fetch("NOSUCHUSDT-PERP", FIRST, LAST)
    assert error.value.fault is Fault.ABSENT


def test_a_page_that_does_not_go_on_is_no_answer(server: Server) -> None:
    server.rows_a_page = 3
    query = {"symbol": "BTCUSDT", "startTime": stamp(FIRST), "endTime": stamp(LAST), "limit": 3}
    again = server.reply(
        path_of(server), {name: str(one) for name, one in query.items()} | {"category": "linear"}, {}
    )
    server.always(path_of(server), again)
    with pytest.raises(SourceFault, match="its pages do not go on"):
        source_at(server).fetch(PERPETUAL, FIRST, LAST)


def test_a_rate_that_is_told_twice_counts_once_and_one_beyond_reason_never(server: Server) -> None:
    server.rates["BTCUSDT"] = [*rates(), rates()[3], (stamp(FIRST) + 3_600_000, "0.07")]
    found = source_at(server).fetch(PERPETUAL, FIRST, LAST)
    assert len(found.rates) == 10
    assert found.dropped == {"funding rates told twice": 1, "funding rates beyond 5% of the notional": 1}


def wanted(server: Server, *symbols: str) -> list[FundingWanted]:
    name = "binance" if isinstance(server, FakeBinance) else "bybit"
    return [FundingWanted(symbol, name, FIRST) for symbol in symbols]


def test_a_source_that_fails_loses_no_other_perpetual_and_opens_its_circuit(server: Server) -> None:
    health = MemoryHealth()
    server.rates["ETHUSDT"] = rates()
    server.always(f"{path_of(server)}?symbol=ETHUSDT", Bad(302))
    server.always(f"{path_of(server)}?category=linear&symbol=ETHUSDT", Bad(302))
    asked = wanted(server, PERPETUAL, "ETHUSDT-PERP", "NOSUCHUSDT-PERP")
    found = gather_funding(asked, LAST, health, environ=server.environ, now=lambda: NOW)
    assert {one.symbol for one in found.history.rates} == {PERPETUAL}
    assert found.history.symbols == {PERPETUAL, "ETHUSDT-PERP", "NOSUCHUSDT-PERP"}
    assert found.failures["ETHUSDT-PERP"].fault is Fault.FINAL
    assert found.failures["NOSUCHUSDT-PERP"].fault is Fault.ABSENT
    for _ in range(6):
        found = gather_funding(asked[1:2], LAST, health, environ=server.environ, now=lambda: NOW)
    assert "not asked, its circuit is open since" in str(found.failures["ETHUSDT-PERP"])
    assert health.load(f"funding:{asked[0].name}") is not None


def test_a_span_without_a_rate_is_told(server: Server) -> None:
    long_ago = FIRST - timedelta(days=900)
    asked = [one._replace(first=long_ago) for one in wanted(server, PERPETUAL)]
    found = gather_funding(
        asked, long_ago + timedelta(days=1), MemoryHealth(), environ=server.environ, now=lambda: NOW
    )
    assert str(found.failures[PERPETUAL]).startswith("no funding rate from 2019-09-17 00:00 to")


def test_a_backtest_asks_over_its_span_and_fails_with_its_source(server: Server) -> None:
    name = "binance" if isinstance(server, FakeBinance) else "bybit"
    one = book(universe=perpetual(funding=name))
    span = {"environ": server.environ, "now": lambda: NOW}
    history = funding_history(one, FIRST.date(), LAST.date(), **span)
    assert len(history.rates) == 10
    server.always(path_of(server), BANNED if name == "binance" else TOO_FREQUENT)
    with pytest.raises(Transient, match=f"funding rates did not come: {PERPETUAL}: .*; try again"):
        funding_history(one, FIRST.date(), LAST.date(), **span)
    server.always(path_of(server), ELSEWHERE)
    with pytest.raises(Refused, match=r"\(451\).*correct universe\.\*\.funding, or the span"):
        funding_history(one, FIRST.date(), LAST.date(), **span)
    bad = {"NIGHTDESK_ACCOUNT_BINANCE_DATA_URL": "http://x", "NIGHTDESK_ACCOUNT_BYBIT_DATA_URL": "http://x"}
    with pytest.raises(Refused, match="unencrypted"):
        funding_history(one, FIRST.date(), LAST.date(), environ=bad, now=lambda: NOW)


@pytest.mark.parametrize(
    ("name", "symbol", "words"),
    [
        (
            "binanse",
            PERPETUAL,
            "universe.BTCUSDT-PERP.funding: there is no source of funding rates 'binanse'; did",
        ),
        (
            "bybit",
            "BTC-PERP",
            "universe.BTC-PERP.funding: bybit has no perpetual BTC-PERP: call it by its pair",
        ),
        ("binance:x", PERPETUAL, "universe.BTCUSDT-PERP.funding: found 'binance:x'"),
    ],
)
def test_a_book_names_a_source_that_is_known_and_has_the_perpetual(
    name: str, symbol: str, words: str
) -> None:
    line = perpetual(funding=name)
    line[symbol] = line.pop(PERPETUAL)
    with pytest.raises(Refused, match=words.replace(".", r"\.")):
        check_funding(book(universe=line))


def test_sources_are_found_by_name() -> None:
    assert {make_funding(name).name for name in ("binance", "bybit", "files:x.csv")} == {
        "binance",
        "bybit",
        "files",
    }


GOOD = {
    FUNDING: [{"symbol": "BTCUSDT", "fundingRate": rate, "fundingTime": at} for at, rate in rates()[:3]],
    HISTORY: history_of("BTCUSDT", rates()[:3]),
}


def look_at(server: Server, status: int, text: str) -> None:
    """Whatever came: rates of the span alone, each once and possible, or a fault in words."""
    server.heal()
    server.script(path_of(server), *[Bad(status, text)] * 3)
    try:
        found: Funded = source_at(server).fetch(PERPETUAL, FIRST, LAST)
    except SourceFault:
        return
    instants = [one.instant for one in found.rates]
    assert instants == sorted(set(instants))
    assert all(FIRST <= one <= LAST for one in instants)
    assert all(abs(one.rate) < MOST for one in found.rates)


def some(examples: int) -> Callable[[Any], Any]:
    def wrap(test: Any) -> Any:
        fixtures = [HealthCheck.function_scoped_fixture]
        held = settings(max_examples=examples, deadline=None, suppress_health_check=fixtures)(test)
        return given(data=st.data(), status=st.sampled_from((200, 200, 200, 400, 429, 500)))(held)

    return wrap


@some(15)
def test_whatever_it_is_answered_no_bad_rate_comes_of_it(server: Server, data: Any, status: int) -> None:
    look_at(server, status, data.draw(answers_like(GOOD[path_of(server)])))


@pytest.mark.slow
@some(500)
def test_of_500_answers_no_bad_rate_comes(server: Server, data: Any, status: int) -> None:
    look_at(server, status, data.draw(answers_like(GOOD[path_of(server)])))
