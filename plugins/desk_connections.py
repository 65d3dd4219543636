"""The environment as tasks see it: this process's own, and Airflow's connections where it lacks a value.

The connection `nightdesk_account_ACCOUNT` holds an account's key (`api_key` among its extra fields, or its
login, which Airflow shows and stores as it is), its secret (password) and its address (host) where that is
not the broker's own; `nightdesk_alert_ROUTE` holds Apprise's addresses of a route (password);
`nightdesk_database` and `nightdesk_database_reader` are the desk's database for who runs it and who looks. A
connection is asked for only when somebody needs the value, and once a process. It comes from wherever Airflow
looks for connections: a secrets backend first, where one is set up.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Airflow encrypts a connection's extra fields, and by this name hides the value wherever it shows one.
KEY_FIELD = "api_key"

#: Whole addresses of databases.
_DATABASES = {
    "NIGHTDESK_DATABASE_URL": "nightdesk_database",
    "NIGHTDESK_READER_DATABASE_URL": "nightdesk_database_reader",
}

_ROUTE = re.compile(r"NIGHTDESK_(?P<id>ALERT_[A-Z0-9_]+)")
_ACCOUNT = re.compile(r"NIGHTDESK_(?P<id>ACCOUNT_[A-Z0-9_]+)_(?P<part>KEY|SECRET|URL)")


class DeskEnvironment(Mapping[str, str]):
    """Variables of a process, then values of Airflow's connections under the names of variables.

    Parameters
    ----------
    variables : mapping of str to str
        What the process was given; an empty value counts as lacking.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._connections: dict[str, Connection | None] = {}
        self._found: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        value = self._variables.get(name) or self._found.get(name) or self._from_connection(name)
        if value is not None:
            return value
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._variables, **self._found})

    def __len__(self) -> int:
        return len({**self._variables, **self._found})

    def _from_connection(self, name: str) -> str | None:
        account, route = _ACCOUNT.fullmatch(name), _ROUTE.fullmatch(name)
        named = account or route
        if named is None and name not in _DATABASES:
            return None
        connection = self._connection(
            _DATABASES[name] if named is None else f"nightdesk_{named['id'].lower()}"
        )
        if connection is None:
            return None
        if named is None:
            value: str | None = _address(connection)
        else:
            value = _part(connection, account["part"] if account else "SECRET")
        if value is not None:
            self._found[name] = value
            hide({name: value})
        return value

    def _connection(self, connection_id: str) -> Connection | None:
        if connection_id not in self._connections:
            self._connections[connection_id] = _look_up(connection_id)
        return self._connections[connection_id]


def desk_environment() -> DeskEnvironment:
    """The environment of the process; its secrets are hidden in every log from now on."""
    from nightdesk.core.masking import MaskingFilter

    hide(os.environ)
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, MaskingFilter) for one in handler.filters):
            handler.addFilter(MaskingFilter())
    return DeskEnvironment(os.environ)


@contextmanager
def without_secrets() -> Iterator[None]:
    """Let no error leave the block with a secret in it.

    From here it goes into logs, and to callbacks and those whom they tell.
    """
    try:
        yield
    except Exception as error:
        from nightdesk.core.masking import mask_error

        shown = mask_error(error)
        if shown is error:
            raise
        raise shown from None


def hide(variables: Mapping[str, str]) -> None:
    """Have Airflow and the desk replace the secrets among some variables in whatever they write."""
    from airflow.sdk.log import mask_secret

    from nightdesk.core.masking import forms_of, learn, secrets_of

    found = secrets_of(variables)
    learn(found)
    # All of them at once: each call is a message to the process that writes the task's log.
    mask_secret(sorted(forms_of(found)))


def _look_up(connection_id: str) -> Connection | None:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(connection_id)
    except AirflowNotFoundException:
        return None


def _address(connection: Connection) -> str:
    """A connection to PostgreSQL as libpq writes its address, TLS and other extra fields included."""
    return re.sub(r"^[a-z]+://", "postgresql://", connection.get_uri())


def _part(connection: Connection, part: str) -> str | None:
    match part:
        case "KEY":
            return connection.extra_dejson.get(KEY_FIELD) or connection.login or None
        case "SECRET":
            return connection.password or None
    host = connection.host or None
    if host is None or "://" in host:
        return host
    port = "" if connection.port is None else f":{connection.port}"
    return f"{connection.schema or 'https'}://{host}{port}"
