"""A session whose funding comes from an exchange books what the same rates in a file book, to the cent."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.conftest import open_connection
from tests.fakes.binance import BANNED, FUNDING, FakeBinance
from tests.fakes.bybit import HISTORY, FakeBybit
from tests.fakes.loopback import Bad
from tests.session.contract_desk import LAST, PERPETUAL, injected
from tests.session.small_desk import SmallDesk, instant, session
from tests.session.test_funding_history import NEVER, funding, in_memory, instants, rate_of, with_history

from nightdesk.core.errors import Refused
from nightdesk.store.ledger_rows import read_entries

Server = FakeBinance | FakeBybit


@pytest.fixture(params=("binance", "bybit"))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The rates of the file, in time: what an exchange has settled is known from then on."""
    with (FakeBinance if request.param == "binance" else FakeBybit)() as fake:
        fake.rates["BTCUSDT"] = [
            (round(at.timestamp() * 1000), f"{rate_of(at):f}") for at in instants() if at != NEVER
        ]
        yield fake


def from_exchange(desk: SmallDesk, server: Server) -> None:
    with_history(desk)
    tree = yaml.safe_load(desk.book.read_text())
    tree["universe"][PERPETUAL]["funding"] = "binance" if isinstance(server, FakeBinance) else "bybit"
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))


def run(desk: SmallDesk, number: int, server: Server) -> dict[str, object]:
    return desk.run(number, inject=injected(desk, number), environ={**os.environ, **server.environ})


def in_time(path: Path) -> None:
    """The file's rates, each known when it was paid."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(cells[:3]) for cells in lines) + "\n")


@pytest.mark.timeout(300)
def test_what_an_exchange_paid_is_booked_as_from_a_file(
    make_desk: Callable[[], SmallDesk], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed, asked = make_desk(), make_desk()
    in_time(with_history(filed))
    from_exchange(asked, server)
    for number in range(LAST + 1):
        filed.run(number, inject=injected(filed, number))
        run(asked, number, server)
    with open_connection(filed.url) as one, open_connection(asked.url) as other:
        expected, entries = read_entries(one, "small"), read_entries(other, "small")
    assert funding(entries)
    assert sorted(entries, key=repr) == sorted(expected, key=repr)
    health = dict(
        asked.rows("SELECT source, failures FROM nightdesk.feed_health WHERE source LIKE 'funding%%'")
    )
    assert health == {f"funding:{'binance' if isinstance(server, FakeBinance) else 'bybit'}": 0}
    # only what may have come is asked for again: ten days before the newest that is stored
    newest = max(at for at in instants() if at != NEVER)
    begins = {int(one["startTime"]) for one in server.queries if one["symbol"] == "BTCUSDT"}
    assert round((newest - timedelta(days=10)).timestamp() * 1000) in begins
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    result = in_memory(asked)
    assert sorted(result.entries, key=repr) == sorted(entries, key=repr)


@pytest.mark.timeout(300)
def test_an_exchange_that_is_away_costs_the_funding_and_is_told(desk: SmallDesk) -> None:
    with FakeBinance() as server:
        server.rates["BTCUSDT"] = [
            (round(at.timestamp() * 1000), f"{rate_of(at):f}") for at in instants() if at <= instant(2)
        ]
        from_exchange(desk, server)
        for number in range(3):
            run(desk, number, server)
        server.always(FUNDING, BANNED)
        counts = run(desk, 3, server)["ingest"]
        assert "BTCUSDT-PERP: the server has banned this address" in str(counts["funding_failed"])
        notes = desk.rows("SELECT subject, detail FROM nightdesk.ingest_notes WHERE kind = 'missing'")
        assert [subject for subject, _ in notes] == [f"{PERPETUAL} (funding)"]
        told = [str(one[0]) for one in desk.rows("SELECT body FROM nightdesk.alerts ORDER BY alert_key")]
        assert any("funding:binance is degraded: it has failed once" in one for one in told)
        assert any(f"{PERPETUAL} has no funding rate at {session(3)}" in one for one in told)
        # what was missed is booked late once it answers again
        server.heal()
        server.rates["BTCUSDT"] = [(round(at.timestamp() * 1000), f"{rate_of(at):f}") for at in instants()]
        assert "funding_failed" not in run(desk, 4, server)["ingest"]
    with open_connection(desk.url) as conn:
        booked = funding(read_entries(conn, "small"))
    late = [one for name, one in booked.items() if name.endswith("-late")]
    assert {(one.session, one.since) for one in late} == {(session(4), session(3))}


def test_a_backtest_that_the_rates_do_not_reach_over_is_refused(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeBybit() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        from_exchange(desk, server)
        first = datetime.combine(session(2), datetime.min.time(), instant(2).tzinfo)
        late = [at for at in instants() if at > first]
        server.rates["BTCUSDT"] = [(round(at.timestamp() * 1000), f"{rate_of(at):f}") for at in late]
        words = rf"universe\.{PERPETUAL}\.funding: bybit has rates from {session(2)} .* take a span that they"
        with pytest.raises(Refused, match=words):
            in_memory(desk)
        server.always(HISTORY, Bad(404))
        with pytest.raises(Refused, match="funding rates did not come"):
            in_memory(desk)
