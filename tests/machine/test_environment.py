import base64
import json
import stat
from pathlib import Path

import pytest

from nightdesk.machine.environment import airflow_environment, login, password_file
from nightdesk.machine.home import Home
from nightdesk.machine.postgres import Addresses

ADDRESSES = Addresses("postgresql://d@h/nightdesk", "postgresql://d@h/airflow")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path / "root", state=tmp_path / "state")


def test_the_processes_of_a_desk_agree_on_port_databases_and_folders(home: Home) -> None:
    found = airflow_environment(home, ADDRESSES, "127.0.0.1", 9191, {})
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:9191/execution/"
    assert found["AIRFLOW__API__PORT"] == "9191"
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://d@h/airflow"
    assert found["NIGHTDESK_DATABASE_URL"] == "postgresql://d@h/nightdesk"
    assert found["AIRFLOW__CORE__DAGS_FOLDER"] == str(home.root / "dags")
    assert found["AIRFLOW_HOME"] == str(home.airflow)
    assert found["GX_ANALYTICS_ENABLED"] == "false"


def test_tasks_reach_a_server_that_listens_everywhere_on_this_machine(home: Home) -> None:
    found = airflow_environment(home, ADDRESSES, "0.0.0.0", 8080, {})
    assert found["AIRFLOW__API__HOST"] == "0.0.0.0"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8080/execution/"


@pytest.mark.parametrize(
    ("variable", "theirs", "expected"),
    [
        ("AIRFLOW__CORE__PARALLELISM", "4", "4"),
        ("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor", "CeleryExecutor"),
        ("AIRFLOW__API__PORT", "1", "8080"),
        ("NIGHTDESK_DATABASE_URL", "postgresql://other/x", "postgresql://d@h/nightdesk"),
        ("PYTHONDONTWRITEBYTECODE", "1", None),
    ],
)
def test_the_users_settings_win_save_those_that_tie_the_desk_together(
    home: Home, variable: str, theirs: str, expected: str | None
) -> None:
    found = airflow_environment(home, ADDRESSES, "127.0.0.1", 8080, {variable: theirs})
    assert found.get(variable) == expected


def test_a_proxy_of_the_environment_does_not_stand_between_the_processes(home: Home) -> None:
    found = airflow_environment(home, ADDRESSES, "127.0.0.1", 8080, {"NO_PROXY": "example.com"})
    assert found["NO_PROXY"].split(",") == ["localhost", "127.0.0.1", "127.0.0.1", "example.com"]


def test_secrets_and_password_are_made_once_and_kept_from_other_users(home: Home) -> None:
    first = airflow_environment(home, ADDRESSES, "127.0.0.1", 8080, {})
    second = airflow_environment(home, ADDRESSES, "127.0.0.1", 8080, {})
    keys = ["AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"]
    assert [first[key] for key in keys] == [second[key] for key in keys]
    assert len({first[key] for key in keys}) == 3
    assert len(base64.urlsafe_b64decode(first["AIRFLOW__CORE__FERNET_KEY"])) == 32
    assert login(home) == login(home)
    assert json.loads(password_file(home).read_text()) == {"admin": login(home).password}
    for path in (home.secrets, password_file(home)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_desks_share_no_secret(home: Home, tmp_path: Path) -> None:
    other = Home(root=home.root, state=tmp_path / "other")
    assert login(home).password != login(other).password
