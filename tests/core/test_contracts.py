"""Options and perpetuals in a universe: what their lines say, and what is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.desks import book

from nightdesk.core.book import Book
from nightdesk.core.contracts import OptionTerms, fundings_between
from nightdesk.core.errors import Refused
from nightdesk.engine import resolve

SPY = {"max_weight": 0.4}
CALL = "SPY261218C00400500"
OPTION: dict[str, Any] = {"asset_class": "option", "underlying": "SPY", "max_weight": 0.1}
PERPETUAL: dict[str, Any] = {
    "asset_class": "perpetual", "underlying": "BTC", "collateral": 0.5, "funding_rate": 0.0001,
    "max_weight": 0.1,
}  # fmt: skip


def with_line(symbol: str, line: dict[str, Any], **changed: Any) -> Book:
    return book(universe={"GLD": SPY, "SPY": SPY, symbol: line}, **changed)


def test_an_occ_symbol_says_its_terms() -> None:
    assert OptionTerms.of(CALL) == OptionTerms(date(2026, 12, 18), "call", Decimal("400.500"), "american")
    assert OptionTerms.of("GOOGL1240119P00002500", "european") == OptionTerms(
        date(2024, 1, 19), "put", Decimal("2.500"), "european"
    )


def test_a_line_says_what_a_unit_stands_for() -> None:
    option = with_line(CALL, OPTION).contracts[CALL]
    assert (option.multiplier, option.on_margin, option.underlying) == (100, False, "SPY")
    assert with_line(CALL, {**OPTION, "multiplier": 10}).contracts[CALL].multiplier == 10
    perpetual = with_line("BTCUSDT-PERP", PERPETUAL)
    contract = perpetual.contracts["BTCUSDT-PERP"]
    assert (contract.multiplier, contract.on_margin, contract.collateral) == (1, True, Decimal("0.5"))
    assert perpetual.universe["BTCUSDT-PERP"].continuous
    assert not with_line(CALL, OPTION).universe[CALL].continuous


def test_a_book_without_them_is_configured_as_before() -> None:
    assert "multiplier" not in book().configuration
    assert "collateral" not in book().configuration
    assert book().contracts == {}
    assert resolve(book()).multiplier == 1.0


@pytest.mark.parametrize(
    ("symbol", "line", "words"),
    [
        (CALL, {**OPTION, "asset_class": "future"}, r"asset_class: found 'future'"),
        (CALL, {**OPTION, "multiplier": 0}, r"multiplier: found 0; input should be greater than 0"),
        (CALL, {"asset_class": "option", "max_weight": 0.1}, r"underlying: missing"),
        (CALL, {**OPTION, "underlying": "QQQ"}, r"universe.SPY261218C00400500.underlying: QQQ is no share"),
        (CALL, {**OPTION, "collateral": 0.5}, r"collateral is of perpetual, and this is option"),
        (CALL, {**OPTION, "unit": "0.5"}, r"contracts of an option are whole"),
        ("SPY-CALL", OPTION, r"universe.SPY-CALL: found SPY-CALL, which is no OCC symbol"),
        ("SPY261318C00400000", OPTION, r"no OCC symbol"),
        ("SPY261218C00000000", OPTION, r"no OCC symbol"),
        ("QQQ", {"max_weight": 0.1, "multiplier": 2}, r"multiplier is of option and perpetual"),
        ("X-PERP", {**PERPETUAL, "collateral": 0}, r"collateral: found 0"),
        ("X-PERP", {**PERPETUAL, "collateral": None}, r"collateral: missing"),
        ("X-PERP", {**PERPETUAL, "funding_rate": None}, r"funding_rate: missing"),
        ("X-PERP", {**PERPETUAL, "style": "american"}, r"style is of option, and this is perpetual"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(symbol: str, line: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as found:
        with_line(symbol, line)
    assert "two.yaml: universe." in str(found.value)


def test_a_contract_that_expired_before_inception_is_refused() -> None:
    with pytest.raises(Refused, match="expired on 2026-12-18, before 2027-01-04; leave it out"):
        with_line(CALL, OPTION, inception="2027-01-04")
    with_line(CALL, OPTION, inception="2026-12-18")


@pytest.mark.parametrize(("symbol", "line"), [(CALL, OPTION), ("X-PERP", PERPETUAL)])
def test_a_real_broker_is_sent_none_of_them(symbol: str, line: dict[str, Any]) -> None:
    broker = {"kind": "alpaca", "account": "real"}
    with pytest.raises(Refused, match=rf"universe.{symbol}.asset_class: found .* on paper and in backtests"):
        with_line(symbol, line, broker=broker)


def test_an_hourly_book_trades_no_options() -> None:
    with pytest.raises(Refused, match=rf"universe.{CALL}.asset_class: found option.* set schedule to daily"):
        with_line(CALL, OPTION, schedule="hourly")


def test_a_perpetual_is_held_by_one_strategy() -> None:
    strategies = {"time_series_momentum": {"share": 0.5}, "rsi_mean_reversion": {"share": 0.5}}
    with pytest.raises(Refused, match=r"universe.X-PERP: a perpetual is held by one strategy"):
        resolve(with_line("X-PERP", PERPETUAL, strategies=strategies))


@pytest.mark.parametrize(
    ("begin", "end", "times"),
    [
        ("2022-03-10 21:00", "2022-03-11 21:00", 3),  # Thursday to Friday
        ("2022-03-04 21:00", "2022-03-07 21:00", 9),  # over a weekend
        ("2022-03-11 21:00", "2022-03-14 20:00", 9),  # over the beginning of daylight saving time
        ("2022-11-04 20:00", "2022-11-07 21:00", 9),  # and over its end
        ("2022-03-07 15:00", "2022-03-07 16:00", 1),  # an hour that ends with a payment
        ("2022-03-07 16:00", "2022-03-07 17:00", 0),  # and the one that begins with it
    ],
)
def test_perpetuals_pay_thrice_a_day_whatever_the_clocks_of_the_exchange_do(
    begin: str, end: str, times: int
) -> None:
    first, last = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (begin, end))
    assert fundings_between(first, last) == times
