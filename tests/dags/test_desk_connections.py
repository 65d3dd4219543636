"""What tasks find where the environment lacks it: connections of Airflow, asked for only when needed."""

from __future__ import annotations

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import redact

from desk_connections import DeskEnvironment, desk_environment, hide
from nightdesk.alerts import sending
from nightdesk.brokers import credentials
from nightdesk.core import masking
from nightdesk.core.masking import mask

ACCOUNT = "My-Paper 1"
CONNECTIONS = {
    credentials.connection_id(ACCOUNT): Connection(
        conn_id="a", conn_type="generic", login="the-key-1", password="the-secret-1"
    ),
    credentials.connection_id("other"): Connection(
        conn_id="b", conn_type="http", login="the-key-2", host="127.0.0.1", port=8443, schema="http"
    ),
    credentials.connection_id("third"): Connection(
        conn_id="c", conn_type="http", host="https://paper.example.com"
    ),
    credentials.connection_id("encrypted"): Connection(
        conn_id="e", conn_type="generic", password="the-secret-4", extra='{"api_key": "the-key-4"}'
    ),
    sending.connection_id("mail"): Connection(
        conn_id="d",
        conn_type="generic",
        password="mailtos://desk:word-of-mail@mail.example.com/ops@example.com",
    ),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the connections that were asked for, in order."""
    names: list[str] = []

    def get(connection_id: str) -> Connection:
        names.append(connection_id)
        if connection_id not in CONNECTIONS:
            raise AirflowNotFoundException(connection_id)
        return CONNECTIONS[connection_id]

    monkeypatch.setattr(Connection, "get", get)
    monkeypatch.setattr(masking, "_learned", set())
    return names


def test_an_account_and_a_route_are_found_under_the_names_of_their_variables(asked: list[str]) -> None:
    environ = DeskEnvironment({})
    assert {part: environ.get(credentials.variable(ACCOUNT, part)) for part in ("key", "secret", "url")} == {
        "key": "the-key-1",
        "secret": "the-secret-1",
        "url": None,
    }
    assert environ[credentials.variable("other", "url")] == "http://127.0.0.1:8443"
    assert environ[credentials.variable("third", "url")] == "https://paper.example.com"
    assert environ[credentials.variable("encrypted", "key")] == "the-key-4"
    assert environ[sending.variable("mail")].startswith("mailtos://desk:")
    assert asked == [*CONNECTIONS]


def test_the_environment_wins_and_an_empty_value_is_none(asked: list[str]) -> None:
    name = sending.variable("mail")
    assert DeskEnvironment({name: "json://here"})[name] == "json://here"
    assert asked == []
    assert DeskEnvironment({name: ""})[name].startswith("mailtos://")


def test_what_neither_has_is_lacking_and_asked_for_once(asked: list[str]) -> None:
    environ = DeskEnvironment({"PATH": "/bin"})
    for _ in range(3):
        assert environ.get("NIGHTDESK_ALERT_PAGER") is None
        assert "NIGHTDESK_ALERT_PAGER" not in environ
    with pytest.raises(KeyError):
        environ["NIGHTDESK_ALERT_PAGER"]
    assert asked == ["nightdesk_alert_pager"]
    assert dict(environ) == {"PATH": "/bin"}


def test_nothing_else_asks_airflow(asked: list[str]) -> None:
    environ = DeskEnvironment({"NIGHTDESK_ROOT": "/desk"})
    found = [environ.get(name) for name in ("NIGHTDESK_ROOT", "NIGHTDESK_HOME", "NIGHTDESK_LIVE", "PATH")]
    assert found == ["/desk", None, None, None]
    assert asked == []


def test_the_secrets_of_environment_and_connections_are_hidden_from_the_desk_and_from_airflow(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[str] = []
    monkeypatch.setattr("airflow.sdk.log.mask_secret", hidden.extend)
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_SWING_SECRET", "of-the-environment")
    environ = desk_environment()
    assert "of-the-environment" in hidden
    assert mask("the-secret-1 and word-of-mail") == "the-secret-1 and word-of-mail"
    assert environ[credentials.variable(ACCOUNT, "secret")] == "the-secret-1"
    assert environ[sending.variable("mail")]
    assert {"the-secret-1", "word-of-mail"} <= set(hidden)
    assert mask("the-secret-1, word-of-mail, of-the-environment") == "***, ***, ***"


@pytest.mark.usefixtures("asked")
def test_airflows_own_logs_hide_what_was_told_to_it() -> None:
    hide({"NIGHTDESK_ACCOUNT_SWING_SECRET": "planted-for-airflow"})
    assert redact("it is planted-for-airflow here") == "it is *** here"
