"""`gate`, `promote`, `record-tests` and `rehearse` as a person types them."""

import pytest
from tests.conftest import open_connection

from nightdesk.operations.record_tests import WHOLE
from nightdesk.store.gate_evidence_rows import evidence_of
from nightdesk.version import code_version

BOOK = "multi_asset"


MARKER = "not slow and not browser"


def junit_of(tmp_path, *, code=None, part="", marker=MARKER, folders=WHOLE, red=()):
    """A file of a run of tests, one test a folder."""
    said = {"code_version": code or code_version(), "part": part, "marker": marker}
    properties = "".join(f'<property name="{name}" value="{value}"/>' for name, value in said.items())
    cases = "".join(
        f'<testcase classname="tests.{one}.test_it" name="a">{"<failure/>" * (one in red)}</testcase>'
        for one in folders
    )
    path = tmp_path / "tests.xml"
    path.write_text(
        f"<testsuites><testsuite><properties>{properties}</properties>{cases}"
        '<testcase classname="tests.cli.test_it" name="b"><skipped/></testcase></testsuite></testsuites>'
    )
    return path


@pytest.mark.usefixtures("project")
def test_a_book_that_has_shown_nothing_lacks_everything_and_is_not_promoted(nightdesk, database):
    told = nightdesk("gate").stdout.splitlines()
    assert told[0].split() == ["book", "stage", "account", "next", "met", "lacks"]
    assert told[1].split()[:6] == [BOOK, "backtest", "paper", "paper", "0", "of"]
    one = nightdesk("gate", BOOK).stdout
    assert "for paper (no real money):" in one
    assert "13 of 13 criteria are not met" in one
    assert f"there is none: `nightdesk stress {BOOK} --keep` makes it" in one
    [document] = nightdesk.document("gate", BOOK)["books"]
    assert (document["stage"], document["next"], document["met"], document["live"]) == (
        "backtest", "paper", False, False,
    )  # fmt: skip
    assert {each["met"] for each in document["criteria"]} == {False}
    said = nightdesk.refusal("promote", BOOK, "--to", "paper", "--reason", "now")
    assert "13 of 13 criteria are not met" in said
    assert "one stage after the other" in nightdesk.refusal(
        "promote", BOOK, "--to", "full", "--reason", "now"
    )
    assert nightdesk("promote", BOOK, "--to", "moon", "--reason", "now", status=2).stderr
    assert "nobody" in nightdesk.refusal("gate", "nobody")


@pytest.mark.usefixtures("project")
def test_a_kept_backtest_is_evidence_of_its_rules_and_made_up_bars_show_nothing(nightdesk, database):
    nightdesk("backtest", BOOK, "--from", "2024-03-04", "--to", "2024-03-08", "--feed", "sample", "--keep")
    [document] = nightdesk.document("gate", BOOK)["books"]
    bars = next(one for one in document["criteria"] if one["name"] == "backtest_bars")
    assert (bars["value"], bars["met"], bars["evidence"]) == ("sample", False, 1)
    with open_connection(database) as conn:
        [found] = evidence_of(conn, BOOK)
    assert (found.kind, found.figures["first"], found.figures["last"]) == (
        "backtest",
        "2024-03-04",
        "2024-03-08",
    )


@pytest.mark.usefixtures("project")
def test_a_run_of_all_tests_is_evidence_of_the_code_and_a_red_one_too(nightdesk, database, tmp_path):
    told = nightdesk("record-tests", junit_of(tmp_path)).stdout
    assert told == f"10 tests of {code_version()}, 0 failed, 1 skipped: green; evidence 1\n"
    met = {one["name"]: one["met"] for one in nightdesk.document("gate", BOOK)["books"][0]["criteria"]}
    assert (met["tests"], met["data_checks"], met["persistence"]) == (True, True, False)
    whole = (*WHOLE, "parity", "matrices")
    nightdesk("record-tests", junit_of(tmp_path, folders=whole))
    met = {one["name"]: one["met"] for one in nightdesk.document("gate", BOOK)["books"][0]["criteria"]}
    assert (met["tests"], met["data_checks"], met["persistence"]) == (True, True, True)
    assert (
        "red; evidence 3"
        in nightdesk("record-tests", junit_of(tmp_path, folders=whole, red=("feeds",))).stdout
    )
    met = {one["name"]: one["met"] for one in nightdesk.document("gate", BOOK)["books"][0]["criteria"]}
    assert (met["tests"], met["data_checks"], met["persistence"]) == (False, False, True)


@pytest.mark.usefixtures("project", "database")
def test_a_file_of_other_code_of_a_part_or_of_nothing_is_refused(nightdesk, tmp_path):
    def refusal(**changes):
        return nightdesk.refusal("record-tests", junit_of(tmp_path, **changes))

    assert "it is of code 0.0.1+x, and this is" in refusal(code="0.0.1+x")
    assert "of a part of the tests (-k one)" in refusal(part="-k one")
    assert "of a part of the tests (-m slow)" in refusal(marker="slow")
    assert "no test of store has passed in it" in refusal(folders=[one for one in WHOLE if one != "store"])
    path = tmp_path / "tests.xml"
    for text, said in (
        ("<testsuites/>", "does not name the code"),
        ("<html/>", "found <html>"),
        ("words", "no JUnit XML"),
        ('<!DOCTYPE x [<!ENTITY y "z">]><testsuites/>', "declares no entities"),
    ):
        path.write_text(text)
        assert said in nightdesk.refusal("record-tests", path)
    assert "nobody.xml" in nightdesk.refusal("record-tests", tmp_path / "nobody.xml")


@pytest.mark.usefixtures("project")
def test_a_shadow_copy_is_sent_to_every_level_and_what_it_shows_is_kept(nightdesk, database):
    told = nightdesk.document("rehearse", BOOK, "--to", "2024-06-28")
    assert told["levels"] == {"1": True, "2": True, "3": True, "4": True}
    assert (told["kill_switch"], told["faults"], told["evidence"]) == (True, [], 1)
    assert told["parts"]["level 4"]["reduced"] == told["parts"]["level 4"]["held"] > 0
    with open_connection(database) as conn:
        [found] = evidence_of(conn, BOOK, "drill")
    assert found.figures["levels"] == told["levels"]
