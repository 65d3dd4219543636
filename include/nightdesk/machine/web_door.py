"""Who may reach the web UI, and who may log in to it.

Airflow's simple auth manager keeps passwords in a file and knows no lock-out: it is a door for one machine.
Beyond loopback the desk asks for a real auth manager, or for a person who says that it may be open.
"""

from __future__ import annotations

import configparser
import ipaddress
import re
import secrets
from collections.abc import Mapping
from typing import Literal

from nightdesk.core.errors import Refused
from nightdesk.machine.environment import ADMIN, Login, login, password_file, users
from nightdesk.machine.home import Home, exclusive, read_json, write_json

OPEN_VARIABLE = "NIGHTDESK_WEB_OPEN"
OPEN = "I-know"
AUTH_MANAGER_VARIABLE = "AIRFLOW__CORE__AUTH_MANAGER"
ALL_ADMINS_VARIABLE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"

#: Of a door that is open to a network: guessing one takes longer than anyone lives.
SHORTEST_PASSWORD = 16

Role = Literal["viewer", "user", "op", "admin"]
#: Airflow's roles, and what each may do with the desk; each may what those before it may.
ROLES: dict[Role, str] = {
    "viewer": "sees runs, logs and the cockpit",
    "user": "starts, clears and backfills runs",
    "op": "acts in the cockpit (kill switch, approvals, levels) and sees connections",
    "admin": "may do all",
}

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")


def check_door(home: Home, host: str, environ: Mapping[str, str]) -> None:
    """Refuse to serve the web UI to whoever asks.

    Parameters
    ----------
    home : Home
        The desk.
    host : str
        Where its API server is to listen.
    environ : mapping of str to str
        The environment that it will be given.

    Raises
    ------
    Refused
        When everybody would be an admin without a login; when `host` is beyond loopback and logins are the
        simple auth manager's, unless `OPEN_VARIABLE` says so and every password is long.
    """
    everybody = environ.get(ALL_ADMINS_VARIABLE, "") or _configured(home, "simple_auth_manager_all_admins")
    if everybody.strip().lower() in {"true", "t", "1", "yes", "on"}:
        raise Refused(
            f"{ALL_ADMINS_VARIABLE} makes everybody who reaches the web UI its admin: unset it. "
            "`nightdesk users add NAME --role admin` gives a person a login"
        )
    if is_loopback(host):
        return
    manager = environ.get(AUTH_MANAGER_VARIABLE) or _configured(home, "auth_manager")
    if manager and "SimpleAuthManager" not in manager:
        return
    if environ.get(OPEN_VARIABLE) != OPEN:
        raise Refused(
            f"NIGHTDESK_WEB_HOST is {host}, which others than this machine reach, and logins are those of "
            "Airflow's simple auth manager, made for one machine: leave it at 127.0.0.1 and reach it "
            "through a tunnel (`ssh -L 8080:127.0.0.1:8080 ...`), name a real auth manager in "
            f"{AUTH_MANAGER_VARIABLE}, or, on a network of your own behind TLS, set {OPEN_VARIABLE}={OPEN}"
        )
    login(home)
    short = [
        name
        for name, password in (read_json(password_file(home)) or {}).items()
        if len(password) < SHORTEST_PASSWORD
    ]
    if short:
        raise Refused(
            f"{OPEN_VARIABLE} opens the web UI to a network, and the password of "
            f"{', '.join(sorted(short))} in {password_file(home)} "
            f"has fewer than {SHORTEST_PASSWORD} characters: make it longer"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def add_user(home: Home, name: str, role: str) -> Login:
    """Give a person a login to the web UI, or another role; the password is made once and kept.

    Raises
    ------
    Refused
        When the name or the role is none, or it is the desk's own user.
    """
    if not _NAME.fullmatch(name):
        raise Refused(f"{name!r} is no name of a user: up to 32 of a-z, 0-9, '.', '_', '-', a letter first")
    if role not in ROLES:
        raise Refused(f"{role!r} is no role: expected one of {', '.join(ROLES)}")
    _check_not_own(name)
    with exclusive(home.run / "secrets.lock"):
        passwords = read_json(password_file(home)) or {}
        passwords.setdefault(name, secrets.token_urlsafe(18))
        write_json(password_file(home), passwords)
        write_json(home.users, {**(read_json(home.users) or {}), name: role})
    return Login(name, passwords[name])


def remove_user(home: Home, name: str) -> None:
    """Take a login away; `Refused` when there is none, or it is the desk's own user."""
    _check_not_own(name)
    with exclusive(home.run / "secrets.lock"):
        known = read_json(home.users) or {}
        if name not in known:
            raise Refused(f"no user {name!r}: there are {', '.join(sorted(users(home)))}")
        passwords = read_json(password_file(home)) or {}
        passwords.pop(name, None)
        known.pop(name)
        write_json(password_file(home), passwords)
        write_json(home.users, known)


def _check_not_own(name: str) -> None:
    if name == ADMIN:
        raise Refused(
            f"{ADMIN} is the desk's own user, by whom its commands reach Airflow: it stays as it is"
        )


def _configured(home: Home, option: str) -> str:
    """An option of section `core` in the desk's own airflow.cfg; empty where it says nothing."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(home.airflow / "airflow.cfg")
    except configparser.Error:
        return ""
    return parser.get("core", option, fallback="").strip()
