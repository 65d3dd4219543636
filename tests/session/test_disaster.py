"""The data folder is gone: the newest backup comes back, newer orders are found, nothing is sent twice."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import PROJECT
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import ACCOUNT, AlpacaDesk, at_alpaca
from tests.session.backup_desk import backup_desk
from tests.session.new_desk import new_desk
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import session
from typer.testing import CliRunner

from nightdesk.cli import app
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home
from nightdesk.session import reconcile
from nightdesk.store.migrations import migrate

#: The first session, and the one whose orders the backup does not know: it sells in two symbols.
FIRST, LOST = 11, 15


def give_three_strategies(desk: AlpacaDesk) -> None:
    """Let the book begin later and trade more, so that there is something to lose."""
    tree = yaml.safe_load(Path(desk.book).read_text())
    whole = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree["strategies"], tree["inception"] = whole["strategies"], session(FIRST)
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))


def nightdesk(*arguments: object, status: int = 0) -> str:
    """What a command says on standard output."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="nightdesk")
    assert result.exit_code == status, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result.stdout


@pytest.fixture
def home(open_folder: Path) -> Iterator[Home]:
    """The home of a desk whose database is an embedded server of its own."""
    made = Home(root=open_folder / "project", state=open_folder / "state")
    Cluster(made.postgres, durable=False).start(("nightdesk", "airflow"))
    yield made
    Cluster(made.postgres).destroy()


@pytest.fixture
def desk(
    home: Home, walks: list[list[str]], fake: FakeAlpaca, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AlpacaDesk:
    check_quickly(monkeypatch)
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    made = at_alpaca(new_desk(open_folder / "desk", Cluster(home.postgres).url("nightdesk"), walks), fake)
    for name, value in {**backup_desk(made, open_folder).environ, **fake.environ(ACCOUNT)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NIGHTDESK_DATABASE_URL")
    with made.connection() as conn:
        migrate(conn)
    return made


def sent(desk: AlpacaDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT client_order_id, session, symbol, side, quantity, status FROM nightdesk.orders ORDER BY 1"
    )


def ledger(desk: AlpacaDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT session, kind, strategy, symbol, quantity, price, cash, commission, reference "
        "FROM nightdesk.ledger_entries ORDER BY session, number"
    )


def names(fake: FakeAlpaca) -> list[str]:
    """Ids of the orders that have arrived at the broker, in their order."""
    return [str(one["client_order_id"]) for one in fake.orders]


def lose_all(home: Home) -> None:
    """Let the server die and its folder be deleted."""
    Cluster(home.postgres).stop(mode="immediate")
    shutil.rmtree(home.postgres)


def test_a_desk_whose_data_folder_was_deleted_goes_on_where_its_broker_is(
    desk: AlpacaDesk, home: Home, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_three_strategies(desk)
    for number in range(FIRST, LOST):
        if number > FIRST:
            desk.live_through(number)
        desk.decide(number)
    assert f"closed decisions: small {LOST - FIRST}" in nightdesk("backup")
    desk.live_through(LOST)
    desk.decide(LOST)
    orders, entries, at_broker = sent(desk), ledger(desk), names(fake)
    assert len([row for row in orders if row[1] == session(LOST)]) > 1
    lose_all(home)

    said = nightdesk("restore", "newest")
    assert f"small: {LOST - FIRST} decisions and" in said
    assert "nightdesk rebuild-from-broker BOOK" in said
    set_clock(desk.url, fake.exchange.now)
    assert sent(desk) != orders
    rebuilt = nightdesk("rebuild-from-broker", "small", "--feed", desk.feed)
    assert "orders made again" in rebuilt
    nightdesk("run", "small", "--session", session(LOST), "--feed", desk.feed)
    assert names(fake) == at_broker
    assert (sent(desk), ledger(desk)) == (orders, entries)
    nightdesk("verify", "small")

    desk.live_through(LOST + 1)
    desk.decide(LOST + 1)
    assert names(fake)[: len(at_broker)] == at_broker
    assert len(set(names(fake))) == len(names(fake))
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    nightdesk("verify", "small")


def test_a_desk_that_began_anew_by_mistake_takes_its_backup_only_with_a_reason(
    desk: AlpacaDesk, home: Home
) -> None:
    desk.decide(0)
    nightdesk("backup")
    before = sent(desk)
    lose_all(home)
    nightdesk("status")  # starts an empty server, and makes the tables of a new installation
    assert desk.rows("SELECT count(*) FROM nightdesk.books") == [(0,)]
    runner = CliRunner().invoke(app, ["restore", "newest", "--replace"], prog_name="nightdesk")
    assert runner.exit_code == 1
    assert "--adopt-installation" in runner.stderr
    said = nightdesk("restore", "newest", "--replace", "--adopt-installation", "the folder was deleted")
    assert "the database that was there is kept as nightdesk_before_" in said
    assert sent(desk) == before
    assert desk.rows("SELECT reason FROM nightdesk.restores") == [("the folder was deleted",)]
