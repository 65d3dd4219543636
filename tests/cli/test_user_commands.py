"""`nightdesk users`: logins to the web UI by role."""

import json

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "state"))


def test_a_person_gets_a_login_that_is_told_once_and_named_without_its_password(nightdesk):
    made = nightdesk.document("users", "add", "kim", "--role", "op")
    assert (made["name"], made["role"]) == ("kim", "op")
    assert len(made["password"]) >= 16
    listed = nightdesk("users", "list").stdout
    assert "kim" in listed
    assert "acts in the cockpit" in listed
    assert made["password"] not in listed
    assert nightdesk.document("users", "list")["users"] == [
        {"name": "admin", "role": "admin"},
        {"name": "kim", "role": "op"},
    ]
    assert "kim has no login any more" in nightdesk("users", "remove", "kim").stdout
    assert json.loads(nightdesk("users", "list", "--json").stdout)["users"] == [
        {"name": "admin", "role": "admin"}
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "kim", "--role", "boss"), "expected one of viewer, user, op, admin"),
        (("add", "kim:admin"), "no name of a user"),
        (("add", "admin"), "the desk's own user"),
        (("remove", "lee"), "no user 'lee'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(nightdesk, arguments, words):
    assert words in nightdesk.refusal("users", *arguments)
