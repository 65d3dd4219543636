"""`action`: corporate actions that a person states, on a real database and the sample market."""

import pytest

FIRST, SECOND, THIRD = "2024-03-04", "2024-03-05", "2024-03-06"


@pytest.fixture(scope="module")
def decided(module_database, tmp_path_factory):
    """The address of a database in which two sessions were decided."""
    from tests.cli.conftest import Command

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_DATABASE_URL", module_database)
        patch.setenv("NIGHTDESK_HOME", str(tmp_path_factory.mktemp("home")))
        Command()("replay", "multi_asset", "--from", FIRST, "--to", SECOND)
        yield module_database


def held(nightdesk):
    (standing,) = nightdesk.document("status", "multi_asset")["books"]
    row = next(one for one in standing["positions"] if one["symbol"] != "BTC-USD")
    return row["symbol"], row["quantity"]


def stated(nightdesk, symbol):
    """What persons have stated of a symbol, among what the sources gave."""
    rows = nightdesk.document("action", "list", symbol)["actions"]
    return [row for row in rows if row["source"] == "person"]


def test_an_action_is_stated_listed_and_taken_back_with_what_it_does(nightdesk, decided):
    symbol, units = held(nightdesk)
    command = ("action", "merger", symbol, "--session", THIRD, "--cash", "31.50", "--reason", "taken private")
    told = nightdesk.document(*command, "--by", "Ann")
    assert (told["changed"], told["note"]) == (True, "Ann: taken private")
    (effect,) = told["books"]
    assert (effect["book"], effect["booked_in"], effect["late"]) == ("multi_asset", THIRD, False)
    assert sum(one["cash"] for one in effect["entries"]) == pytest.approx(units * 31.5, abs=0.01)
    assert "was stated so already" in nightdesk(*command, "--by", "Ann").stdout
    (row,) = stated(nightdesk, symbol)
    assert (row["kind"], row["cash"], row["session"]) == ("merger", 31.5, THIRD)
    gone = nightdesk("action", "merger", symbol, "--session", THIRD, "--withdraw", "--reason", "a mistake")
    assert f"the merger of {symbol} on {THIRD} is withdrawn" in gone.stdout
    assert "Ann: taken private" in gone.stdout
    assert stated(nightdesk, symbol) == []
    assert f"no merger of {symbol}" in nightdesk.refusal(*command[:5], "--withdraw", "--reason", "again")


def test_one_of_a_settled_session_is_booked_late(nightdesk, decided):
    symbol, _ = held(nightdesk)
    text = nightdesk(
        "action",
        "dividend",
        symbol,
        "--session",
        SECOND,
        "--amount",
        "0.5",
        "--reason",
        "the vendor lacks it",
    ).stdout
    assert f"multi_asset: booked late, in the settling of {THIRD}" in text
    nightdesk("action", "dividend", symbol, "--session", SECOND, "--withdraw", "--reason", "only a test")


def test_a_new_symbol_that_a_book_does_not_name_is_said_at_once(nightdesk, decided):
    symbol, _ = held(nightdesk)
    options = ("--into", "NEWCO", "--reason", "renamed")
    text = nightdesk("action", "symbol_change", symbol, "--session", THIRD, *options).stdout
    assert f"multi_asset: the settling of {THIRD} will refuse it: {symbol} became NEWCO" in text
    nightdesk("action", "symbol_change", symbol, "--session", THIRD, "--withdraw", "--reason", "only a test")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("split", "SPY", "--session", "2024-03-09", "--ratio", "2:1"), "2024-03-09"),
        (("split", "SPYX", "--session", THIRD, "--ratio", "2:1"), "no bar of SPYX was ever stored"),
        (("delisting", "SPY", "--session", "2099-01-05", "--cash", "0"), "2099-01-05"),
    ],
)
def test_a_holiday_a_future_day_and_an_unknown_symbol_are_refused(nightdesk, decided, arguments, words):
    assert words in nightdesk.refusal("action", *arguments, "--reason", "test")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("split", "SPY", "--session", THIRD, "--ratio", "0:1"), "no ratio above 0"),
        (("split", "SPY", "--session", THIRD, "--ratio", "3-2"), "no ratio above 0"),
        (("split", "SPY", "--session", THIRD, "--amount", "1"), "needs --ratio"),
        (("split", "SPY", "--session", THIRD, "--ratio", "2", "--cash", "1"), "has no --cash"),
        (("split", "SPY", "--session", THIRD, "--ratio", "1:1"), "changes nothing"),
        (("dividend", "SPY", "--session", THIRD, "--amount", "-1"), "no amount in dollars"),
        (("dividend", "SPY", "--session", THIRD, "--amount", "0"), "of 0 dollars is none"),
        (("merger", "SPY", "--session", THIRD), "needs --cash, or --into and --ratio"),
        (("merger", "SPY", "--session", THIRD, "--into", "QQQ"), "needs both --into and --ratio"),
        (("symbol_change", "SPY", "--session", THIRD, "--into", "SPY"), "is the symbol itself"),
        (("spin_off", "SPY", "--session", THIRD, "--into", "QQQ", "--ratio", "1:4"), "needs --cash"),
        (("delisting", "SPY", "--cash", "0"), "needs a symbol and its --session"),
        (("list", "SPY", "--session", THIRD), "`list` takes a symbol"),
    ],
)
def test_options_that_lack_or_contradict_are_wrong_usage(nightdesk, arguments, words):
    reason = () if arguments[0] == "list" else ("--reason", "test")
    result = nightdesk("action", *arguments, *reason, status=2)
    assert words in " ".join(result.stderr.replace("│", " ").split())


def test_without_a_reason_nothing_is_stated(nightdesk):
    result = nightdesk("action", "delisting", "SPY", "--session", THIRD, "--cash", "0", status=2)
    assert "--reason" in result.stderr
