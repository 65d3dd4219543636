"""The overview's light of backups: how old the newest is, and what speaks against relying on it."""

import re

import pytest
from tests.cockpit.own_desk import OwnDesk

MADE = (
    "INSERT INTO nightdesk.backups (began_at, ended_at, place, file, bytes, sha256, code_version, "
    "newest_migration) VALUES (clock_timestamp() - %(age)s::interval, clock_timestamp(), 'here', 'x', 1, "
    "repeat('0', 64), '1', '061')"
)
FAILED = (
    "INSERT INTO nightdesk.backups (began_at, ended_at, place, error, code_version, newest_migration) "
    "VALUES (clock_timestamp(), clock_timestamp(), 'here', 'no room', '1', '061')"
)
DRILL = (
    "INSERT INTO nightdesk.drills (began_at, ended_at, place, outcome) VALUES (clock_timestamp(), "
    "CASE WHEN %(outcome)s::text IS NULL THEN NULL ELSE clock_timestamp() END, 'here', %(outcome)s)"
)


def light(desk: OwnDesk) -> tuple[str, str]:
    """Tone and words of the light."""
    page = desk.page("/")
    found = re.search(r'class="light (\w*)" href="[^"]*">Backup: ([^<]+)</a>', page)
    assert found
    return found[1], found[2]


@pytest.mark.parametrize(
    ("age", "tone", "words"),
    [
        ("-1 hour", "gain", "0 minutes ago"),
        ("61 seconds", "gain", "1 minute ago"),
        ("9 hours 59 minutes", "gain", "9 hours ago"),
        ("25 hours 59 minutes", "gain", "25 hours ago"),
        ("26 hours", "warn", "26 hours ago"),
        ("47 hours 59 minutes", "warn", "47 hours ago"),
        ("48 hours", "loss", "2 days ago"),
    ],
)
def test_the_age_of_the_newest_backup(own_desk: OwnDesk, age: str, tone: str, words: str) -> None:
    own_desk.run(MADE, age="300 hours")
    own_desk.run(MADE, age=age)
    assert light(own_desk) == (tone, words)


def test_a_failed_attempt_and_a_failed_drill_are_told_until_one_is_well(own_desk: OwnDesk) -> None:
    own_desk.run("UPDATE nightdesk.books SET created_at = clock_timestamp() - interval '1 hour'")
    assert light(own_desk) == ("warn", "none yet")
    own_desk.run("UPDATE nightdesk.books SET created_at = clock_timestamp() - interval '3 days'")
    assert light(own_desk) == ("loss", "none yet")
    own_desk.run(MADE, age="3 hours")
    own_desk.run(FAILED)
    assert light(own_desk) == ("warn", "3 hours ago, the last attempt failed")
    own_desk.run(MADE, age="2 hours")
    own_desk.run(DRILL, outcome="failed")
    own_desk.run(DRILL, outcome=None)
    assert light(own_desk) == ("loss", "2 hours ago, the drill failed")
    own_desk.run(DRILL, outcome="ok")
    assert light(own_desk) == ("gain", "2 hours ago")
    own_desk.run(DRILL, outcome=None)
    assert light(own_desk) == ("gain", "2 hours ago")


def test_a_desk_without_books_has_nothing_to_lose(own_desk: OwnDesk) -> None:
    own_desk.run("DELETE FROM nightdesk.books")
    assert light(own_desk) == ("", "none, nothing to lose yet")
