"""A broker of one's own through PostgreSQL: orders leave once, a person executes them, the ledger agrees."""

import csv
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import Databases
from tests.plug_ins.conftest import Home
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import SmallDesk, session

from nightdesk import plug_ins
from nightdesk.core.calendar import get_calendar
from nightdesk.operations.verify import verify

VARIABLE = "NIGHTDESK_ACCOUNT_MY_HAND_FOLDER"
HEADER = "client_order_id,session,price,quantity,commission\n"


@dataclass
class HandDesk(SmallDesk):
    """A desk whose orders a person takes to the market.

    Parameters
    ----------
    folder : Path
        The files of the account.
    done : list of str
        Client order ids of what the person has executed.
    """

    folder: Path = field(kw_only=True)
    done: list[str] = field(default_factory=list)

    def orders(self) -> list[dict[str, str]]:
        """What the desk has written, a line each."""
        path = self.folder / "orders.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def decide(self, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Run a session in its evening, by the clocks of the database and of the broker."""
        evening = get_calendar().known_from(session(number)) + timedelta(minutes=1)
        set_clock(self.url, evening)
        begun = datetime.now(UTC)
        # The page's broker reads the machine's clock, which is years ahead of this market.
        own = sys.modules["nightdesk.own.by_hand"].ByHand
        monkeypatch.setattr(own, "clock", lambda _: evening + (datetime.now(UTC) - begun))
        self.run(number)

    def execute(self, number: int) -> None:
        """Write down each order that is not executed yet, at the open of a session."""
        with self.bars.open() as file:
            opens = {row[1]: row[2] for row in csv.reader(file) if row[0] == str(session(number))}
        path = self.folder / "executions.csv"
        text = path.read_text() if path.exists() else HEADER
        for one in self.orders():
            if one["id"] not in self.done:
                self.done.append(one["id"])
                text += f"{one['id']},{session(number)},{opens[one['symbol']]},{one['quantity']},1.00\n"
        path.write_text(text)


@pytest.fixture
def desk(home: Home, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HandDesk:
    check_quickly(monkeypatch)
    home.copy("by_hand")
    made = new_desk(tmp_path / "desk", databases.new(), random_walks())
    tree = yaml.safe_load(made.book.read_text())
    del tree["universe"]["BTC-USD"]  # a person takes shares to the market
    tree |= {"broker": {"kind": "by_hand", "account": "my-hand"}, "levels": None}
    made.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    plug_ins.search()
    folder = tmp_path / "hand"
    folder.mkdir()
    (folder / "account.json").write_text(json.dumps({"cash": str(tree["initial_capital"])}))
    monkeypatch.setenv(VARIABLE, str(folder))
    return HandDesk(made.url, made.book, made.bars, folder=folder)


def test_a_week_of_orders_by_hand_ends_with_a_ledger_that_is_the_account(
    desk: HandDesk, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        if number:
            desk.execute(number)
        desk.decide(number, monkeypatch)
    sent = [one["id"] for one in desk.orders()]
    assert len(sent) == len(set(sent)) >= 3
    assert desk.rows("SELECT count(*) FROM nightdesk.reconciliations") == [(0,)]
    filled = desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE status = 'filled' ORDER BY 1")
    assert [name for (name,) in filled] == sorted(desk.done)
    assert desk.rows("SELECT count(*), sum(commission) FROM nightdesk.fills") == [(len(sent), len(sent))]
    with desk.at(4) as context:
        assert verify(context.conn, context.book.name).differences == ()
    databases.drop(desk.url)
