"""Books fed by vendors under a real scheduler, one vendor down and one wrong: refused, told, kept, healed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from tests.clock import set_clock
from tests.end_to_end.desk import Desk, whole_desk
from tests.end_to_end.hourly_project import BOOK as HOURLY
from tests.end_to_end.vendor_project import EQUITY, FAULTY, FIRST, HEALED, MULTI, lay_out_vendors, market
from tests.fakes.smtp import FakeMail, mail_server, text_of
from tests.matrices.vendor_entries import ALPACA, POLYGON, YAHOO, VendorMarket
from tests.session.vendor_day import VendorDay, vendors_of
from typer.testing import CliRunner

from nightdesk.cli import app
from nightdesk.core.calendar import get_calendar

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

OPS = "ops@example.com"
#: What the hourly book holds is told by its daily bars at the close.
WRONG_BY_THE_HOUR = "AAPL"


@dataclass
class VendorDesk:
    """A desk of three books, its vendors and its mail server."""

    desk: Desk
    vendors: VendorDay
    mail: FakeMail

    def evening(self, day: date, wrong: dict[str, float] | None = None) -> None:
        """Let a session be over: vendors have its bars, the desk's clock shows the evening."""
        close = get_calendar().close_at(day)
        factors = {(symbol, day): factor for symbol, factor in (wrong or {}).items()}
        self.vendors.publish(close, {ALPACA.feed: factors})
        days = {
            symbol: [bar for bar in bars if type(bar[0]) is date and bar[0] <= day]
            for symbol, bars in self.vendors.bars.items()
        }
        YAHOO.fill(self.desk.vendor, VendorMarket(days, {}))
        set_clock(self.desk.addresses.nightdesk, get_calendar().known_from(day) + timedelta(hours=1))
        # A minute has passed for every circuit.
        self.rows(
            "UPDATE nightdesk.feed_health SET opened_at = opened_at - interval '2 minutes' RETURNING source"
        )

    def decide(self, day: date) -> None:
        """Both daily books decide a session, and what is to be told is sent."""
        airflow, dags = self.desk.airflow, [f"daily__{book}" for book in (MULTI, EQUITY)]
        begun = {dag: airflow.trigger(dag, day) for dag in dags}
        for dag, run in begun.items():
            (ended,) = airflow.wait(dag, [run], timeout=600)
            assert ended.state == "success", (dag, airflow.task_states(dag, run))
        self.send()

    def send(self) -> None:
        """One run of the DAG that sends what waits."""
        airflow = self.desk.airflow
        (ended,) = airflow.wait("alerts", [airflow.trigger("alerts")], timeout=120)
        assert ended.state == "success"

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.desk.database() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def mailed(self, subject: str) -> str:
        """The text of the one mail whose subject ends so."""
        [text] = [text_of(got) for _, got in self.mail.received if got["Subject"].endswith(subject)]
        return " ".join(text.split())

    def close_of(self, symbol: str, day: date) -> float:
        """The true close."""
        [close] = [bar[4] for bar in self.vendors.bars[symbol] if bar[0] == day]
        return close

    def bought(self, book: str) -> str:
        """A symbol that the first session of a book has bought, and that is no benchmark and no coin."""
        [(symbol,), *_] = self.rows(
            "SELECT symbol FROM nightdesk.orders WHERE book = %s AND session = %s AND side = 'buy' "
            "AND symbol NOT IN ('SPY', 'BTC-USD') ORDER BY symbol",
            book,
            FIRST,
        )
        return str(symbol)

    def held(self, book: str, symbol: str, day: date) -> tuple[float, float]:
        """Quantity and price at the mark of a session."""
        [(quantity, price)] = self.rows(
            "SELECT sum(quantity)::float, max(price)::float FROM nightdesk.positions "
            "WHERE book = %s AND session = %s AND symbol = %s AND quantity <> 0",
            book,
            day,
            symbol,
        )
        return quantity, price

    def quarantined(self, book: str, day: date) -> list[str]:
        """What the newest decision of a session keeps out."""
        [(names,), *_] = self.rows(
            "SELECT quarantined FROM nightdesk.session_quality WHERE book = %s AND session = %s "
            "ORDER BY as_of DESC",
            book,
            day,
        )
        return list(names)

    def sources(self, day: date) -> set[str]:
        """Whose the newest daily bars of a session are, indices apart."""
        found = self.rows(
            "SELECT DISTINCT source FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id) "
            "WHERE session = %s AND symbol NOT LIKE '^%%' AND superseded_at IS NULL",
            day,
        )
        return {source for (source,) in found}


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorDesk]:
    with mail_server(tmp_path_factory.mktemp("mail")) as mail, vendors_of(market()) as vendors:
        settings = {**vendors.environ, "NIGHTDESK_ALERT_MAIL": mail.url(OPS)}
        with whole_desk(settings, books=(MULTI, EQUITY), prepare=lay_out_vendors) as desk:
            yield VendorDesk(desk, vendors, mail)


def test_a_vendor_that_is_down_and_one_that_is_wrong_cost_each_book_one_symbol_for_one_session(
    fed: VendorDesk,
) -> None:
    fed.evening(FIRST)
    fed.decide(FIRST)
    assert fed.sources(FIRST) == {"polygon", "binance"}
    symbols = {book: fed.bought(book) for book in (MULTI, EQUITY)}

    wrong = dict.fromkeys((*symbols.values(), WRONG_BY_THE_HOUR), 1.02)
    fed.vendors.be_down(POLYGON)
    fed.evening(FAULTY, wrong)
    fed.decide(FAULTY)
    assert fed.sources(FAULTY) == {"alpaca", "binance"}
    assert "polygon is degraded: it has failed" in fed.mailed(": polygon, polygon (circuit)")
    kept = {}
    for book, symbol in symbols.items():
        out = fed.quarantined(book, FAULTY)
        assert symbol in out
        assert set(out) <= set(wrong)
        true = fed.close_of(symbol, FAULTY)
        both = f"{symbol}: the close of {1.02 * true:g} and that of {true:g} of the second source (yahoo)"
        words = fed.mailed(f"CRITICAL {book} {FAULTY}: in quarantine: {symbol}")
        assert both.removeprefix(f"{symbol}: ") in words
        assert "It is held: " in words
        kept[book] = fed.held(book, symbol, FAULTY)
        assert kept[book][1] == fed.close_of(symbol, FIRST)

    fed.vendors.heal()
    fed.evening(HEALED)
    fed.decide(HEALED)
    assert fed.sources(HEALED) == {"polygon", "binance"}
    for book, symbol in symbols.items():
        assert fed.quarantined(book, HEALED) == []
        assert fed.held(book, symbol, HEALED) == (kept[book][0], fed.close_of(symbol, HEALED))
        also = f"{WRONG_BY_THE_HOUR}, " if book == EQUITY and symbol != WRONG_BY_THE_HOUR else ""
        assert f"{symbol} passes its checks again" in fed.mailed(f"{book} {HEALED}: over: {also}{symbol}")


def test_an_hourly_book_decides_a_session_by_the_hours_of_the_vendor_that_answers(fed: VendorDesk) -> None:
    fed.vendors.be_down(POLYGON)
    fed.evening(FAULTY, {WRONG_BY_THE_HOUR: 1.02})
    desk = fed.desk
    dag = desk.switch_on(HOURLY, "hourly")
    said = CliRunner().invoke(
        app,
        ["backfill", HOURLY, "--from", f"{FAULTY}", "--to", f"{FAULTY}", "--yes"],
        env=desk.airflow.environment,
    )
    assert said.exit_code == 0, said.output
    runs = [one.run_id for one in desk.airflow.runs(dag) if one.run_type == "backfill"]
    ended = desk.airflow.wait(dag, runs, timeout=1200)
    assert [run.state for run in ended] == ["success"] * 7
    sources = fed.rows(
        "SELECT DISTINCT source FROM nightdesk.bars_hourly "
        "WHERE bar_end::date = %s AND superseded_at IS NULL",
        FAULTY,
    )
    assert sources == [("alpaca",)]
    fed.send()
    true = fed.close_of(WRONG_BY_THE_HOUR, FAULTY)
    words = fed.mailed(f"{HOURLY} {FAULTY}: in quarantine: {WRONG_BY_THE_HOUR}")
    assert f"the close of {1.02 * true:g} and that of {true:g} of the second source (yahoo)" in words
    assert fed.quarantined(HOURLY, FAULTY) == [WRONG_BY_THE_HOUR]
