"""Signals injected into a run: marked, traded on paper, told, the same in both drivers."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.conftest import open_connection
from tests.hourly_book import LastTwoHours
from tests.parity.checks import same_sessions
from tests.session.hourly_desk import SESSION, HourlyDesk, at
from tests.session.small_desk import ORIGIN, STRATEGY, SmallDesk, instant, session

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.engine.injection import read_injections
from nightdesk.operations.trace import trace
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session.entry import open_context
from nightdesk.session.report import session_report
from nightdesk.store.decision_rows import signals_of, targets_of
from nightdesk.store.ledger_rows import read_entries, read_marks

WORDS = "injected for this run: no strategy said so"


def injection(desk: SmallDesk, *signals: tuple[int, str, str, float]) -> Path:
    path = desk.book.with_name("signals.csv")
    rows = (
        f"{session(number)},{STRATEGY},{symbol},{direction},{confidence}"
        for number, symbol, direction, confidence in signals
    )
    path.write_text("\n".join(["session,strategy,symbol,direction,confidence", *rows]) + "\n")
    return path


def test_what_is_injected_is_marked_traded_and_told(desk: SmallDesk) -> None:
    path = injection(desk, (0, "SPY", "STRONG_BUY", 0.9), (0, "TLT", "STRONG_SELL", 1.0))
    done = desk.run(0, inject=path)
    assert done[f"signals:{STRATEGY}"]["injected"] == 2
    marked = desk.rows("SELECT symbol, direction FROM nightdesk.signals WHERE injected ORDER BY symbol")
    assert marked == [("SPY", 2), ("TLT", -2)]
    assert desk.rows("SELECT side FROM nightdesk.orders WHERE symbol = 'SPY'") == [("buy",)]
    with desk.at(0) as context:
        story = trace(context, "SPY")
        (said,) = story["signals"]
        assert (said["injected"], said["direction"], said["words"]) == (True, "STRONG_BUY", WORDS)
        (other,) = trace(context, "QQQ")["signals"]
        assert not other["injected"]
        told = {line.symbol: line.words for line in session_report(context).signals}
        assert (told["SPY"], told["TLT"]) == (WORDS, WORDS)
        assert told["QQQ"] != WORDS
        assert trace(context, "SPY")["targets"][0]["why"] == "opens"


def test_injection_is_off_in_every_run_that_does_not_ask(desk: SmallDesk) -> None:
    path = injection(desk, (0, "SPY", "STRONG_BUY", 0.9))
    desk.run_steps(0, "ingest", "gate", inject=path)
    assert desk.rows("SELECT symbol FROM nightdesk.signals WHERE injected") == [("SPY",)]
    desk.run_steps(0, "ingest", "gate")
    assert desk.rows("SELECT symbol FROM nightdesk.signals WHERE injected") == []


def test_a_run_without_it_differs_once_the_session_is_sealed(desk: SmallDesk) -> None:
    path = injection(desk, (0, "SPY", "STRONG_SELL", 1.0))
    desk.run(0, inject=path)
    assert desk.run(0, inject=path)[f"signals:{STRATEGY}"]["differs"] == 0
    assert desk.run(0)[f"signals:{STRATEGY}"]["differs"] == 1


def test_both_drivers_decide_the_same_with_what_is_injected(desk: SmallDesk) -> None:
    path = injection(
        desk,
        (1, "SPY", "STRONG_BUY", 0.9),
        (2, "QQQ", "BUY", 0.6),
        (3, "SPY", "STRONG_SELL", 1.0),
        (4, "GLD", "STRONG_BUY", 0.3),
    )
    book = load_book(desk.book)
    for number in range(6):
        single = [one for one in read_injections(path, book) if one.as_of == instant(number)]
        if single:
            desk.run(number, inject=_of_session(path, session(number)))
        else:
            desk.run(number)
    panel = read_market(book, ORIGIN, session(5), [desk.feed]).panel
    begun = book.model_copy(update={"inception": session(0), "origin": ORIGIN})
    result = backtest(begun, panel, session(0), session(5), injected=read_injections(path, book))
    plain = backtest(begun, panel, session(0), session(5))
    assert result.entries != plain.entries, "the injected signals change nothing"
    with open_connection(desk.url) as conn:
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
        assert sorted(read_entries(conn, book.name), key=repr) == sorted(result.entries, key=repr)
        for one in result.decided:
            close = get_calendar().close_at(one.state.mark.session)
            for row in signals_of(conn, book.name, close):
                n, said = book.symbols.index(row["symbol"]), result.market.signals[row["strategy"]]
                for name in ("direction", "strength", "confidence", "reason"):
                    assert row[name] == getattr(said, name)[one.t, n]
                key = (close, row["strategy"], row["symbol"])
                assert row["injected"] == (key in result.market.injected)
            for row in targets_of(conn, book.name, close):
                assert float(row["quantity"]) == one.targets.quantity[0, book.symbols.index(row["symbol"])]


def _of_session(path: Path, day: object) -> Path:
    header, *rows = path.read_text().splitlines()
    out = path.with_name(f"{day}.csv")
    out.write_text("\n".join([header, *(row for row in rows if row.startswith(str(day)))]) + "\n")
    return out


@pytest.mark.parametrize("number", [1, 2])
def test_a_file_with_a_signal_of_another_session_is_refused_and_nothing_is_written(
    desk: SmallDesk, number: int
) -> None:
    path = injection(desk, (0, "SPY", "BUY", 0.9), (number, "SPY", "BUY", 0.9))
    with pytest.raises(Refused, match="is of no session that is decided"):
        desk.run(0, inject=path)
    assert desk.rows("SELECT count(*) FROM nightdesk.runs") == [(0,)]


def test_a_book_at_a_real_broker_refuses_it_before_anything_is_done(desk: SmallDesk) -> None:
    path = injection(desk, (0, "SPY", "BUY", 0.9))
    tree = yaml.safe_load(desk.book.read_text())
    desk.book.write_text(yaml.safe_dump({**tree, "broker": {**tree["broker"], "kind": "alpaca"}}))
    assert load_book(desk.book).broker.kind == "alpaca"
    with (
        open_connection(desk.url) as conn,
        pytest.raises(Refused, match="synthetic signals are never sent to one"),
        open_context(desk.book, session(0), conn=conn, feed=desk.feed, inject=path),
    ):
        pass
    assert desk.rows("SELECT count(*) FROM nightdesk.runs") == [(0,)]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"\xff\xfe", "not a text in UTF-8")]
)
def test_a_file_that_cannot_be_read_is_refused(desk: SmallDesk, content: bytes | None, said: str) -> None:
    path = desk.book.with_name("none.csv")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused, match=said):
        read_injections(path, load_book(desk.book))


def hour_by_hour(desk: HourlyDesk, *rows: str) -> Path:
    path = desk.folder / "signals.csv"
    path.write_text("\n".join(["session,as_of,symbol,direction,strategy,confidence", *rows]) + "\n")
    return path


def test_both_drivers_inject_into_the_same_hours_of_a_session(hourly_desk: HourlyDesk) -> None:
    said = f"{LastTwoHours.name},1"
    hour = f"{SESSION},{at(2):%Y-%m-%dT%H:%M}Z,AAPL,STRONG_BUY,{said}"
    close = f"{SESSION},,SPY,STRONG_SELL,{said}"
    for number in range(8):
        rows = {2: [hour], 6: [close]}.get(number)
        hourly_desk.run(number, inject=hour_by_hour(hourly_desk, *rows) if rows else None)
    book = load_book(hourly_desk.book)
    injected = read_injections(hour_by_hour(hourly_desk, hour, close), book)
    after = get_calendar().shift(SESSION, 1)
    panel = read_market(book, origin_of(book, SESSION), after).panel
    result = backtest(book, panel, SESSION, after, injected=injected)
    marked = "SELECT as_of, symbol FROM nightdesk.signals WHERE injected ORDER BY as_of"
    assert hourly_desk.rows(marked) == [(at(2), "AAPL"), (at(6), "SPY")]
    assert {(result.market.closes[t], symbol) for t, _, symbol in result.injected} == {
        (at(2), "AAPL"),
        (at(6), "SPY"),
    }
    plain = backtest(book, panel, SESSION, after)
    assert result.decided[3].fills != plain.decided[3].fills, "the injected signal changes nothing"
    with hourly_desk.at(7) as context:
        same_sessions(replace(result, decided=result.decided[:8]), context.conn)


def test_a_signal_of_another_hour_is_refused_and_names_the_column(hourly_desk: HourlyDesk) -> None:
    path = hour_by_hour(hourly_desk, f"{SESSION},,AAPL,STRONG_BUY,{LastTwoHours.name},1")
    with pytest.raises(Refused, match=r"is of no decision that is decided .* the column as_of says of which"):
        hourly_desk.run(2, inject=path)
    assert hourly_desk.rows("SELECT count(*) FROM nightdesk.runs") == [(0,)]
