"""An ingest whose first feed lacks the newest day: IBKR, last in order, stands in for it."""

import csv
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.fakes.ibkr import IbkrGateway
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Action
from nightdesk.feeds.ibkr_pacing import Pacing
from nightdesk.store.action_rows import state_action


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[IbkrGateway]:
    with IbkrGateway(get_calendar().known_from(session(9))) as server:
        monkeypatch.setenv("NIGHTDESK_ACCOUNT_IBKR_DATA_URL", f"ib://127.0.0.1:{server.port}/31")
        monkeypatch.setattr(Pacing, "_known", {})
        yield server


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    made = make_desk()
    tree = yaml.safe_load(Path(made.book).read_text())
    tree["feeds"] = {"daily": [made.feed, "ibkr"]}
    Path(made.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    return made


def give(desk: SmallDesk, gateway: IbkrGateway, symbol: str) -> None:
    """Let IBKR have what the file has of a symbol."""
    with desk.bars.open() as file:
        rows = [row for row in csv.reader(file) if row[1] == symbol]
    gateway.history.days(symbol, [(date.fromisoformat(day), *map(float, rest)) for day, _, *rest in rows])


def stored(desk: SmallDesk, symbol: str, number: int) -> tuple[object, ...]:
    [row] = desk.rows(
        "SELECT b.source, b.open, b.close, b.volume FROM nightdesk.bars b "
        "JOIN nightdesk.symbols s USING (symbol_id) "
        "WHERE s.symbol = %s AND b.session = %s AND b.superseded_at IS NULL",
        symbol,
        session(number),
    )
    return row


def test_the_day_that_the_first_feed_lacks_comes_from_ibkr_in_its_own_dollars(
    desk: SmallDesk, gateway: IbkrGateway
) -> None:
    give(desk, gateway, "SPY")
    desk.run_steps(1, "ingest", "ingest", feed=None)
    whole = stored(desk, "SPY", 1)
    assert whole[0] == "files"
    desk.remove_bars("SPY", session(2))
    # Days later the stock was split: IBKR tells all days before in new shares, and the desk knows the split.
    gateway.history.split("SPY", session(6), 4.0)
    with desk.connection() as conn:
        state_action(conn, Action("SPY", np.datetime64(session(6)), "split", 4.0, "", 0.0, "told by hand"))
    desk.run_steps(2, "ingest", "ingest", feed=None)
    told = {bar.start.date(): bar for bar in gateway.history.bars["SPY", "1 day"]}[session(2)]
    source, opened, closed, volume = stored(desk, "SPY", 2)
    assert source == "ibkr"
    assert (opened, closed) == (pytest.approx(told.open), pytest.approx(told.close))
    assert volume == pytest.approx(told.volume, abs=1)
    assert stored(desk, "SPY", 1) == whole  # what the first feed told stays
    assert stored(desk, "QQQ", 2)[0] == "files"
