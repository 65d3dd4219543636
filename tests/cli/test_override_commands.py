"""The commands by which a person limits a book for some time, and lists what is limited."""

import getpass

import pytest

FIRST, SECOND = "2024-03-04", "2024-03-05"
BOOK, UNTIL = "multi_asset", "2024-03-29"


@pytest.fixture
def started(nightdesk, database, project):
    nightdesk("run", BOOK, "--session", FIRST)


@pytest.mark.usefixtures("started")
def test_a_symbol_is_limited_listed_shown_and_set_free(nightdesk):
    who = getpass.getuser()
    told = nightdesk(
        "override", BOOK, "GLD", "max-size", "0.05", "--reduce", "--until", UNTIL, "--reason", "earnings"
    ).stdout
    words = f"GLD: max-size of 5.00%, reduced to it by {who} from {SECOND} until {UNTIL} (earnings)"
    assert told == (
        f"{BOOK}: {words} counts from the decision of {SECOND} on: no position grows beyond it, exits pass\n"
    )
    nightdesk("override", BOOK, "--all", "close-only", "--until", UNTIL, "--reason", "year end")
    assert f"LIMITED by hand: {words}" in nightdesk("status", BOOK).stdout
    lines = nightdesk("overrides", BOOK).stdout.splitlines()
    assert lines[0].split() == ["book", "symbol", "limit", "from", "until", "by", "state", "why"]
    assert "the whole book" in lines[1]
    assert "max-size of 5.00%, reduced to it" in lines[2]
    nightdesk("run", BOOK, "--session", SECOND)
    assert words.removeprefix("GLD: ") in nightdesk("trace", BOOK, SECOND, "GLD").stdout
    ended = nightdesk.document("override", BOOK, "GLD", "--end", "--reason", "they are over")
    assert ended["ended"] is True
    assert ended["who"] == who
    newest, older = nightdesk.document("overrides")["overrides"]
    assert (newest["symbol"], newest["kind"], newest["state"]) == (None, "close_only", "stands")
    assert (older["state"], older["ended_by"], older["ended_reason"]) == ("ended", who, "they are over")
    assert older["size"] == 0.05
    assert f"ended by {who}: they are over" in nightdesk("overrides").stdout


@pytest.mark.usefixtures("started")
def test_what_cannot_be_meant_is_refused_or_wrong_usage(nightdesk):
    because = ("--reason", "drill")
    said = nightdesk.refusal("override", BOOK, "MSFT", "close-only", "--until", UNTIL, *because)
    assert "'MSFT' is not a symbol that book multi_asset trades" in said
    assert "would end before it counts" in nightdesk.refusal(
        "override", BOOK, "GLD", "close-only", "--until", FIRST, *because
    )
    assert "nothing to end" in nightdesk.refusal("override", BOOK, "GLD", "--end", *because)
    for wrong, words in (
        ((BOOK, "GLD", "close-only", *because), "name the last session"),
        ((BOOK, *because), "name a symbol of the book, or --all"),
        ((BOOK, "GLD", *because), "name close-only, no-new-entries or max-size"),
        ((BOOK, "GLD", "max-size", "five", "--until", UNTIL, *because), "'five' is no share of NAV"),
        ((BOOK, "GLD", "max-size", "0.05", "6", "--until", UNTIL, *because), "'6' is too much"),
        ((BOOK, "GLD", "--end", "--until", UNTIL, *because), "--end takes a symbol"),
    ):
        assert words in " ".join(nightdesk("override", *wrong, status=2).stderr.replace("│", " ").split())
    assert "nothing is limited by hand" in nightdesk("overrides").stdout
