"""The web UI is served to this machine alone unless somebody says otherwise, and its users have roles."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from nightdesk.core.errors import Refused
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.environment import airflow_environment, login, password_file, users
from nightdesk.machine.home import Home
from nightdesk.machine.postgres import Addresses
from nightdesk.machine.web_door import ROLES, add_user, check_door, is_loopback, remove_user

ADDRESSES = Addresses("postgresql://d@h/nightdesk", "postgresql://d@h/airflow")
ALL_ADMINS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path / "root", state=tmp_path / "state")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_nothing(home: Home, host: str) -> None:
    assert is_loopback(host)
    check_door(home, host, {})


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "desk.example.com", "localhost.example.com"]
)
def test_beyond_it_the_simple_auth_manager_is_refused(home: Home, host: str) -> None:
    with pytest.raises(Refused, match=rf"NIGHTDESK_WEB_HOST is {host}.*ssh -L.*NIGHTDESK_WEB_OPEN=I-know"):
        check_door(home, host, {})
    with pytest.raises(Refused, match="NIGHTDESK_WEB_HOST"):
        check_door(home, host, {"NIGHTDESK_WEB_OPEN": "yes"})
    simple = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
    with pytest.raises(Refused, match="NIGHTDESK_WEB_HOST"):
        check_door(home, host, {"AIRFLOW__CORE__AUTH_MANAGER": simple})
    check_door(
        home, host, {"AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.FabAuthManager"}
    )


def test_who_opens_it_by_will_needs_long_passwords(home: Home) -> None:
    environ = {"NIGHTDESK_WEB_OPEN": "I-know"}
    check_door(home, "0.0.0.0", environ)  # the one that was made is long
    password_file(home).write_text(json.dumps({"admin": login(home).password, "kim": "letmein"}))
    with pytest.raises(Refused, match=r"password of kim in .*fewer than 16 characters") as caught:
        check_door(home, "0.0.0.0", environ)
    assert "letmein" not in str(caught.value)


@pytest.mark.parametrize("switch", ["True", "true", "1", "on"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_ui_in_which_everybody_is_an_admin_is_never_served(home: Home, switch: str, host: str) -> None:
    for environ in ({ALL_ADMINS: switch}, {ALL_ADMINS: switch, "NIGHTDESK_WEB_OPEN": "I-know"}):
        with pytest.raises(Refused, match=f"{ALL_ADMINS} makes everybody"):
            check_door(home, host, environ)
    home.airflow.mkdir(parents=True)
    (home.airflow / "airflow.cfg").write_text(f"[core]\nsimple_auth_manager_all_admins = {switch}\n")
    with pytest.raises(Refused, match="makes everybody"):
        check_door(home, host, {})
    check_door(home, "127.0.0.1", {ALL_ADMINS: "False"})


def test_no_part_is_started_behind_an_open_door(home: Home) -> None:
    airflow = Airflow(home, ADDRESSES, {"NIGHTDESK_WEB_HOST": "0.0.0.0"})
    with pytest.raises(Refused, match=r"NIGHTDESK_WEB_HOST is 0\.0\.0\.0"):
        airflow.start_missing()
    assert airflow.process_ids() == {}


def test_people_get_logins_with_roles_beside_the_desks_own(home: Home) -> None:
    own, kim = login(home), add_user(home, "kim", "viewer")
    assert len(kim.password) >= 16
    assert add_user(home, "kim", "op") == kim, "the password stays with another role"
    assert add_user(home, "lee", "viewer").password != kim.password
    assert users(home) == {"admin": "admin", "kim": "op", "lee": "viewer"}
    for path in (password_file(home), home.users):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    environ = airflow_environment(home, ADDRESSES, "127.0.0.1", 8080, {})
    assert environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,kim:op,lee:viewer"
    remove_user(home, "kim")
    assert users(home) == {"admin": "admin", "lee": "viewer"}
    assert "kim" not in json.loads(password_file(home).read_text())
    assert login(home) == own


@pytest.mark.parametrize(
    ("name", "role", "words"),
    [
        ("kim", "boss", "expected one of viewer, user, op, admin"),
        ("kim:admin,eve", "viewer", "no name of a user"),
        ("Kim", "viewer", "no name of a user"),
        ("a" * 33, "viewer", "no name of a user"),
        ("kim\n", "viewer", "no name of a user"),
        ("<b>", "viewer", "no name of a user"),
        ("admin", "viewer", "the desk's own user"),
    ],
)
def test_what_is_no_user_is_refused_and_nothing_is_kept(home: Home, name: str, role: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        add_user(home, name, role)
    assert users(home) == {"admin": "admin"}
    assert not home.users.exists()


def test_nobody_is_taken_away_who_is_not_there_or_is_the_desk(home: Home) -> None:
    for name, words in (("kim", "no user 'kim': there are admin"), ("admin", "the desk's own user")):
        with pytest.raises(Refused, match=words):
            remove_user(home, name)


def test_the_roles_are_airflows() -> None:
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManagerRole

    known = sorted(SimpleAuthManagerRole, key=lambda one: one.order)
    assert [one.name.lower() for one in known] == list(ROLES)
