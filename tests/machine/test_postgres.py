import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.machine import postgres
from nightdesk.machine.home import Home
from nightdesk.machine.postgres import Addresses


@pytest.fixture(scope="module")
def addresses() -> Iterator[Addresses]:
    with postgres.ephemeral() as found:
        yield found


def test_databases_of_the_users_own_are_used_and_nothing_is_started(
    addresses: Addresses, tmp_path: Path
) -> None:
    own = {
        "NIGHTDESK_DATABASE_URL": addresses.nightdesk,
        "NIGHTDESK_AIRFLOW_DATABASE_URL": addresses.airflow,
    }
    assert postgres.start(Home(tmp_path, tmp_path / "state"), own) == addresses
    assert postgres.database_url(Home(tmp_path, tmp_path / "state"), own) == addresses.nightdesk
    assert list(tmp_path.iterdir()) == []


def test_airflow_gets_the_same_database_as_sqlalchemy_writes_it(addresses: Addresses) -> None:
    assert addresses.airflow_sqlalchemy == addresses.airflow.replace(
        "postgresql://", "postgresql+psycopg2://"
    )
    short = Addresses(nightdesk="", airflow="postgres://u:p@h/airflow")
    assert short.airflow_sqlalchemy == "postgresql+psycopg2://u:p@h/airflow"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("make_url", "error", "words"),
    [
        (lambda a: "mysql://u:secret@h/d", Refused, "expected postgresql://"),
        (lambda a: "postgresql://u:secret@[h/d", Refused, "not an address"),
        (lambda a: "secret", Refused, "not an address"),
        (lambda a: "postgresql://u:half@secret@127.0.0.1/d", Refused, "percent-encoded"),
        (lambda a: "postgresql://u:12/secret@127.0.0.1/d", Refused, "percent-encoded"),
        (lambda a: f"postgresql://u:secret@127.0.0.1:{closed_port()}/d", Transient, "cannot be reached"),
        (
            lambda a: a.nightdesk.replace("/nightdesk?", "/nowhere?"),
            Refused,
            'database "nowhere" does not exist',
        ),
    ],
)
def test_an_address_that_does_not_serve_gives_one_clear_error_without_the_password(
    addresses: Addresses, tmp_path: Path, make_url, error: type[NightdeskError], words: str
) -> None:
    home = Home(tmp_path, tmp_path / "state")
    with pytest.raises(error) as caught:
        postgres.start(home, {"NIGHTDESK_DATABASE_URL": make_url(addresses)})
    message = str(caught.value)
    assert words in message
    assert "NIGHTDESK_DATABASE_URL" in message
    assert "secret" not in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_an_ephemeral_server_has_two_empty_databases_and_leaves_nothing_behind() -> None:
    with postgres.ephemeral() as found:
        folder = Path(psycopg2.extensions.parse_dsn(found.nightdesk)["host"])
        for url in (found.nightdesk, found.airflow):
            connection = psycopg2.connect(url)
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
                assert cursor.fetchone() == (0,)
            connection.close()
    assert not postgres.is_alive(found.nightdesk)
    assert not folder.parent.exists()
