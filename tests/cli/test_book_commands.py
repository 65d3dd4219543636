"""`nightdesk books`."""

import pytest
import yaml

from nightdesk.core.book import parse_book


def edit(project, old, new, name="multi_asset"):
    path = project / "books" / f"{name}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def second_book(project, **changes):
    tree = yaml.safe_load((project / "books" / "multi_asset.yaml").read_text())
    tree |= {"name": "second", "broker": {"kind": "paper", "account": "paper-second"}} | changes
    path = project / "books" / "second.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def test_all_books_are_listed_with_their_accounts(nightdesk, project):
    second_book(project)
    books = nightdesk.document("books")["books"]
    assert [(one["book"], one["symbols"], one["account"]) for one in books] == [
        ("multi_asset", 15, "paper-multi-asset"),
        ("second", 15, "paper-second"),
    ]
    assert "paper-multi-asset" in nightdesk("books").stdout


def test_a_book_is_shown_with_every_default_filled_in(nightdesk, project):
    shown = yaml.safe_load(nightdesk("books", "multi_asset").stdout)
    assert shown["quality"]["price_jump"] == 0.5
    assert shown["universe"]["SPY"]["asset_class"] == "etf"
    assert shown["broker"]["max_volume_share"] == 0.1
    assert shown == nightdesk.document("books", "multi_asset")


def test_what_is_shown_is_a_book_itself(nightdesk, project):
    shown = yaml.safe_load(nightdesk("books", "multi_asset").stdout)
    assert parse_book(shown, "shown").symbols[0] == "GLD"
    # the parameters that plug-ins fill in are part of it
    del (tree := yaml.safe_load((project / "books" / "multi_asset.yaml").read_text()))["strategies"][
        "time_series_momentum"
    ]["params"]
    (project / "books" / "multi_asset.yaml").write_text(yaml.safe_dump(tree))
    again = nightdesk.document("books", "multi_asset")
    assert again["strategies"]["time_series_momentum"]["params"]["window"] == 60


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("benchmark: SPY", "benchmrk: SPY", "benchmrk: unknown key (did you mean benchmark?)"),
        (
            "GLD: {group: safe haven, max_weight: 0.50",
            "GLD: {group: safe haven, max_weight: -0.5",
            "GLD.max_weight: found -0.5",
        ),
        ("initial_capital: 100000.00", "initial_capital: none", "initial_capital: found"),
        ("DBC:", "NOTASYMBOL:", "universe.NOTASYMBOL: no feed of this book knows it (feeds.daily: sample)"),
        ("daily: [sample]", "daily: [smaple]", "there is no feed 'smaple'; did you mean sample?"),
        ("  window: 60", "  windw: 60", "strategies.time_series_momentum.params.windw: unknown key"),
        ("trades_per_day: {limit: 5}", "trades_a_day: {limit: 5}", "limits.trades_a_day"),
        ("calendar: XNYS", "calendar: XMOON", "calendar 'XMOON' is not known"),
        ("name: multi_asset\n", "name: other\n", "name: found 'other'; a book is named like its file"),
        ("name: multi_asset\n", "name: [\n", "not a YAML document"),
    ],
)
def test_a_wrong_book_is_refused_with_file_key_and_what_is_allowed(nightdesk, project, old, new, said):
    path = edit(project, old, new)
    refusal = nightdesk.refusal("books", "multi_asset")
    assert said in refusal
    assert str(path) in refusal


def test_one_bad_book_is_told_and_the_others_stay(nightdesk, project):
    second_book(project, benchmark=7)
    result = nightdesk("books", status=1)
    assert "multi_asset" in result.stdout
    assert "second.yaml: benchmark: found 7" in result.stderr


def test_two_books_that_name_one_account_are_refused(nightdesk, project):
    second_book(project, broker={"kind": "paper", "account": "paper-multi-asset"})
    said = "'paper-multi-asset' is the account of"
    assert said in nightdesk("books", status=1).stderr
    assert said in nightdesk.refusal("books", "second")


def test_a_copy_that_kept_the_account_does_not_keep_a_person_from_the_book(nightdesk, project, database):
    second_book(project, broker={"kind": "paper", "account": "paper-multi-asset"})
    assert "was never started" in nightdesk.refusal("kill", "multi_asset", "--reason", "a drill")


def test_a_project_without_a_book_is_told_its_folder(nightdesk, project):
    (project / "books" / "multi_asset.yaml").unlink()
    assert f"there is no book in {project / 'books'}" in nightdesk.refusal("books")


def test_an_unknown_book_is_refused_naming_the_known_ones(nightdesk, project):
    assert "known are multi_asset" in nightdesk.refusal("books", "multi_aset")


def test_a_book_can_be_named_by_its_path(nightdesk, project, tmp_path):
    assert nightdesk.document("books", project / "books" / "multi_asset.yaml")["name"] == "multi_asset"
    assert "cannot be read" in nightdesk.refusal("books", tmp_path / "absent.yaml")


OUTLIERS = """
quality:
  expectations:
    - name: far_out
      expect: expect_column_values_to_not_be_outliers
      arguments: {column: change, method: iqr, multiplier: -1}
      then: warn
"""


def test_an_expectation_that_its_library_does_not_take_is_refused(nightdesk, project):
    path = project / "books" / "multi_asset.yaml"
    assert "\nquality:" not in path.read_text()
    path.write_text(path.read_text() + OUTLIERS)
    words = "expectations.far_out.arguments: expect_column_values_to_not_be_outliers does not take them"
    assert words in nightdesk.refusal("books", "multi_asset")
    assert words in nightdesk("books", status=1).stderr
    path.write_text(path.read_text().replace("multiplier: -1", "multiplier: 3"))
    assert nightdesk.document("books", "multi_asset")["quality"]["expectations"][0]["name"] == "far_out"
