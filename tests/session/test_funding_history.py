"""A perpetual whose funding is a history of rates, over a weekend and with one that comes late."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.conftest import open_connection
from tests.session.contract_desk import LAST, PERPETUAL, book_of, injected
from tests.session.small_desk import ORIGIN, STRATEGY, SmallDesk, instant, session

from nightdesk.accounting.ledger import Entry
from nightdesk.core.book import load_book
from nightdesk.core.money import to_cents
from nightdesk.engine.injection import read_injections
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.store.ledger_rows import read_entries, read_marks

#: A rate of the Saturday that becomes known on the Monday night, and one that never comes.
LATE, NEVER = datetime(2022, 3, 5, 8, tzinfo=UTC), datetime(2022, 3, 6, 16, tzinfo=UTC)
KNOWN = datetime(2022, 3, 8, 3, tzinfo=UTC)


def rate_of(at: datetime) -> Decimal:
    """Each instant has its own."""
    return Decimal(at.day * 100 + at.hour) / 1_000_000


def instants() -> list[datetime]:
    first = datetime(2022, 2, 20, tzinfo=UTC)
    return [first + timedelta(hours=8 * n) for n in range(60)]


def write_rates(path: Path, **changed: Decimal) -> None:
    lines = ["symbol,instant,rate,known_at"]
    for at in instants():
        if at != NEVER:
            rate = changed.get(f"r{at:%d%H}", rate_of(at))
            lines.append(f"BTCUSDT,{at.isoformat()},{rate:f},{(KNOWN if at == LATE else at).isoformat()}")
    path.write_text("\n".join(lines) + "\n")


def with_history(desk: SmallDesk) -> Path:
    book_of(desk)
    path = desk.book.with_name("funding.csv")
    write_rates(path)
    tree = yaml.safe_load(desk.book.read_text())
    del tree["universe"][PERPETUAL]["funding_rate"]
    tree["universe"][PERPETUAL]["funding"] = f"files:{path}"
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path


def in_memory(desk: SmallDesk, last: int = LAST) -> Result:
    book = load_book(desk.book)
    panel = read_market(book, ORIGIN, session(last), [desk.feed]).panel
    begun = book.model_copy(update={"inception": session(0), "origin": ORIGIN})
    signals = [one for n in range(last + 1) for one in read_injections(injected(desk, n), book)]
    return backtest(begun, panel, session(0), session(last), injected=signals)


def funding(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {one.reference: one for one in entries if one.kind == "funding"}


@pytest.mark.timeout(300)
def test_each_instant_has_its_own_rate_and_a_late_one_is_booked_late_in_both_drivers(desk: SmallDesk) -> None:
    with_history(desk)
    for number in range(LAST + 1):
        desk.run(number, inject=injected(desk, number))
    result = in_memory(desk)
    with open_connection(desk.url) as conn:
        assert read_marks(conn, "small") == tuple(one.state.mark for one in result.decided)
        entries = read_entries(conn, "small")
        assert sorted(entries, key=repr) == sorted(result.entries, key=repr)
        assert verify(conn, "small").differences == ()
    booked = funding(entries)
    # Sold at the open of session 1, so held through the periods of the sessions 2 to 5.
    due = [at for at in instants() if instant(1) < at <= instant(LAST)]
    late = f"funding-{PERPETUAL}-{LATE:%Y%m%dT%H%M}-late"
    names = {f"funding-{PERPETUAL}-{at:%Y%m%dT%H%M}" for at in due if at not in (LATE, NEVER)}
    assert booked.keys() == names | {late}
    for at in due:
        if at == NEVER:
            continue
        number = next(n for n in range(2, LAST + 1) if at <= instant(n))
        worth = result.worth[number - 1][STRATEGY, PERPETUAL]
        one = booked[late if at == LATE else f"funding-{PERPETUAL}-{at:%Y%m%dT%H%M}"]
        assert one.cash == to_cents(-worth * rate_of(at)) > 0  # short, so it receives
        # what came in the night to session 5 is booked there, as of session 4
        expected = (session(5), session(4)) if at == LATE else (session(number), None)
        assert (one.session, one.since) == expected
    words = f"{PERPETUAL} has no funding rate at 2022-03-05 08:00, 2022-03-06 16:00 UTC"
    assert [one[: len(words)] for one in result.notes] == [words]
    told = desk.rows(
        "SELECT level, body FROM nightdesk.alerts WHERE alert_key LIKE '%%funding %%' ORDER BY 1"
    )
    assert [level for level, _ in told] == ["INFO", "WARNING"]
    assert str(told[1][1]).startswith(words)
    assert f"{PERPETUAL} of {session(4)}: {booked[late].cash:+,.2f} dollars" in str(told[0][1])


def test_a_rate_that_is_stored_after_its_session_never_changes_it(desk: SmallDesk) -> None:
    path = with_history(desk)
    text = path.read_text()
    short = [line for line in text.splitlines() if "2022-03-03T16" not in line]
    path.write_text("\n".join(short) + "\n")
    for number in range(4):
        desk.run(number, inject=injected(desk, number))
    before = desk.rows("SELECT * FROM nightdesk.ledger_entries ORDER BY as_of, number")
    path.write_text(text)
    desk.run(3, inject=injected(desk, 3))  # sealed: compared, and the same
    assert desk.rows("SELECT * FROM nightdesk.ledger_entries ORDER BY as_of, number") == before
    desk.run(4, inject=injected(desk, 4))
    with open_connection(desk.url) as conn:
        booked = funding(read_entries(conn, "small"))
    late = booked[f"funding-{PERPETUAL}-20220303T1600-late"]
    assert (late.session, late.since) == (session(4), session(2))
    # What is changed after it was booked is told, and stays as it is booked.
    write_rates(path, r0308=Decimal("0.0001"))
    desk.run(5, inject=injected(desk, 5))
    with open_connection(desk.url) as conn:
        assert (
            funding(read_entries(conn, "small"))[f"funding-{PERPETUAL}-20220303T0800"]
            == booked[f"funding-{PERPETUAL}-20220303T0800"]
        )
    told = desk.rows("SELECT body FROM nightdesk.alerts WHERE body LIKE '%%was booked at%%'")
    assert len(told) == 1
    assert f"the funding of {PERPETUAL} at 2022-03-03 08:00 UTC was booked at" in str(told[0])


@pytest.mark.timeout(300)
def test_a_book_that_goes_over_to_another_source_keeps_what_it_booked(desk: SmallDesk) -> None:
    path = with_history(desk)
    for number in range(4):
        desk.run(number, inject=injected(desk, number))
    with open_connection(desk.url) as conn:
        before = funding(read_entries(conn, "small"))
    assert before
    other = path.with_name("other.csv")
    write_rates(other, **{f"r{at:%d%H}": 2 * rate_of(at) for at in instants()})
    desk.book.write_text(desk.book.read_text().replace(str(path), str(other)))
    assert desk.run(4, inject=injected(desk, 4))["ingest"]["new_funding_rates"] > 0
    with open_connection(desk.url) as conn:
        after = funding(read_entries(conn, "small"))
    assert {name: after[name] for name in before} == before
    added = {name: one for name, one in after.items() if name not in before}
    assert added
    assert all(one.session == session(4) for one in added.values())
    assert desk.rows("SELECT body FROM nightdesk.alerts WHERE body LIKE '%%was booked at%%'") == []
    # what is booked from now on is booked by the new source
    held = "SELECT price, quantity FROM nightdesk.positions WHERE session = %s AND symbol = %s"
    price, quantity = (Decimal(str(one)) for one in desk.rows(held, session(3), PERPETUAL)[0])
    for at in (at for at in instants() if instant(3) < at <= instant(4) and at not in (LATE, NEVER)):
        booked = after[f"funding-{PERPETUAL}-{at:%Y%m%dT%H%M}"]
        assert booked.cash == to_cents(-price * quantity * 2 * rate_of(at))
