"""`nightdesk tax` on a real database: a book that buys and sells by turns over a year's end."""

import csv
from decimal import Decimal

import pytest
import yaml
from tests.cli.conftest import PROJECT, Command
from tests.parity import taking_turns

from nightdesk.store import connection, db

FIRST, LAST = "2024-12-20", "2025-01-06"


@pytest.fixture(scope="module")
def turns(module_database, tmp_path_factory):
    """The address of a database with a book in it that sold in two years, and the book's file."""
    folder = tmp_path_factory.mktemp("turns")
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text()) | taking_turns.BOOK
    tree |= {"name": "turns", "tax": {"taxpayer": "Ann"}}
    tree["universe"] = {**tree["universe"], "TIP": {"max_weight": 0.3, "tax_class": "partnership"}}
    tree["strategies"] = {taking_turns.EvenDays.name: {"share": 0.4, "sizing": taking_turns.TenUnits.name}}
    path = folder / "turns.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_DATABASE_URL", module_database)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        Command()("replay", path, "--from", FIRST, "--to", LAST)
        yield module_database, path


def sold(url, year):
    """Cash of the sales of a year, by the ledger."""
    conn = connection.connect(url)
    with db.cursor(conn) as cursor:
        cursor.execute(
            "SELECT sum(cash) FROM nightdesk.ledger_entries WHERE kind = 'fill' AND quantity < 0 "
            "AND extract(year FROM session) = %s",
            (year,),
        )
        ((amount,),) = cursor.fetchall()
    conn.close()
    return amount


@pytest.mark.parametrize("year", [2024, 2025])
def test_the_form_of_a_year_holds_every_sale_of_it(nightdesk, turns, tmp_path, year):
    url, path = turns
    out = tmp_path / "forms" / "form_8949.csv"
    document = nightdesk.document("tax", path, "--year", year, "--out", out)
    assert (document["taxpayer"], document["books"], document["paper"]) == ("Ann", ["turns"], True)
    short, long = document["totals"]
    assert (short["part"], long["part"], long["lines"]) == ("I", "II", 0)
    assert short["lines"] == len(document["rows"]) > 0
    assert Decimal(str(short["proceeds"])) == sold(url, year)
    assert short["gain"] == pytest.approx(short["proceeds"] - short["cost"] + short["adjustment"])
    rows = list(csv.DictReader(out.read_text().splitlines()))
    boxes = {row["box"] for row in document["rows"]}
    assert boxes <= ({"C"} if year < 2025 else {"C", "I"})  # paper: on no form of a broker
    totals = [row for row in rows if row["description"] == "totals"]
    assert [row["box"] for row in totals] == [*sorted(boxes), ""]
    assert [one["box"] for one in document["boxes"]] == sorted(boxes)
    assert sum(one["gain"] for one in document["boxes"]) == pytest.approx(short["gain"])
    assert {one["schedule_d_line"] for one in document["boxes"]} == {"3"}
    lines = [row for row in rows if row["description"] != "totals"]
    assert sum(Decimal(row["gain"]) for row in lines) == Decimal(str(short["gain"]))
    assert all(row["sold"].startswith(str(year)) for row in lines)
    assert all((row["code"] == "W") == (row["adjustment"] != "0.00") for row in lines)


def test_losses_of_december_are_disallowed_by_purchases_of_january(nightdesk, turns):
    _, path = turns
    rows = nightdesk.document("tax", path, "--year", "2024")["rows"]
    lost = [row for row in rows if row["proceeds"] < row["cost"]]
    assert lost, "the sample market lost nothing in these days"
    # ten units of each symbol are bought again within days, over and over
    assert all(row["adjustment"] == pytest.approx(row["cost"] - row["proceeds"]) for row in lost)


def test_the_terminal_shows_lines_and_totals(nightdesk, turns, tmp_path):
    _, path = turns
    text = nightdesk("tax", path, "--year", "2024").stdout
    assert "turns, Form 8949 of 2024, taxpayer Ann" in text
    assert "a paper account: nothing of this was really earned" in text
    assert "short term (Schedule D, Part I)" in text
    assert "10 SPY" in text
    assert "boxes C, F, I and L: a paper account is on no form of a broker" in text
    assert "lines of partnerships: cost and gain lack what their Schedules K-1 add and take away" in text
    assert "wash sales were looked for in this book alone" in text
    told = nightdesk("tax", path, "--year", "2024", "--out", tmp_path / "form.csv").stdout
    assert "10 SPY" not in told
    assert f"written to {tmp_path / 'form.csv'}" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--year", "2019"), "turns sold nothing in 2019: it sold in 2024, 2025"),
        (("--year", "2190"), "2190 has not begun: the newest tax year is"),
    ],
)
def test_a_year_without_a_form_is_refused(nightdesk, turns, arguments, said):
    assert said in nightdesk.refusal("tax", turns[1], *arguments)


def test_a_book_that_was_never_started_has_no_form(nightdesk, turns, project):
    said = nightdesk.refusal("tax", "multi_asset", "--year", "2024")
    assert "book 'multi_asset' was never started: started books are turns" in said
    assert "nobody" in nightdesk.refusal("tax", "nobody", "--year", "2024")
