"""The commands on an hourly book: each hour is decided, and told by its instant."""

import pytest
import yaml
from tests.conftest import open_connection
from tests.hourly_book import EARLY_CLOSE, hourly_tree

from nightdesk.alerts.figure_table import figure_words
from nightdesk.store import db

#: The first hour of the session after the early close, and its bar's end in UTC.
NEXT, FIRST_HOUR = "2019-12-02", "2019-12-02T15:00Z"


@pytest.fixture
def hours(project, market):
    """The name of an hourly book in the project."""
    tree = hourly_tree(feeds={"daily": [f"files:{market}"], "hourly": [f"files:{market}"]})
    (project / "books" / "hours_of_tests.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return tree["name"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hours_are_decided_in_order_and_told_by_their_instants(nightdesk, database, project, hours):
    done = nightdesk("replay", hours, "--from", str(EARLY_CLOSE), "--to", str(EARLY_CLOSE)).stdout
    assert "2019-11-29" in done
    later = nightdesk.document("run", hours, "--as-of", FIRST_HOUR)
    assert later["decided"]["status"] == "closed"
    refused = nightdesk.refusal("run", hours, "--as-of", "2019-12-02T17:00Z")
    assert f"{NEXT} 11:00" in refused
    assert nightdesk("status", hours).stdout
    assert nightdesk("risk", hours).stdout
    (signal,) = nightdesk.document("trace", hours, NEXT, "SPY", "--as-of", FIRST_HOUR)["signals"]
    assert set(signal["figures"]) == {"moved", "way"}
    told = nightdesk("trace", hours, NEXT, "SPY", "--as-of", FIRST_HOUR).stdout
    assert told.startswith(f"SPY in book {hours}, decision {NEXT} 10:00\n")
    # Its own day is not over at ten, so nothing is told of it.
    assert (f"\n  {EARLY_CLOSE}  open" in told, f"\n  {NEXT}  open" in told) == (True, False)
    assert f"    moved {figure_words('moved', signal['figures']['moved'])}, way " in told
    assert f"{hours}: 5 decisions rebuilt from" in nightdesk("verify", hours).stdout
    with open_connection(database) as conn, db.cursor(conn) as cursor:
        cursor.execute(
            "UPDATE nightdesk.quality_runs SET outcome = 'quarantined', detail = 'AAPL: a jump' "
            "WHERE check_name = 'no_bar' AND symbol = 'AAPL' AND session = %s",
            [NEXT],
        )
        conn.commit()
    (one,) = nightdesk.document("status")["books"]
    (begun,) = {row["since"] for row in one["data"]["checks"] if row["outcome"] == "quarantined"}
    assert begun == f"{NEXT} 10:00"
    assert f"  IN QUARANTINE since {NEXT} 10:00: AAPL: a jump" in nightdesk("status").stdout.splitlines()
    pages = sorted(one.name for one in (project / "state" / "reports" / hours).iterdir())
    hours_of_the_day = [f"{EARLY_CLOSE}T{hour}00.html" for hour in (10, 11, 12, 13)]
    assert pages == [*hours_of_the_day, f"{NEXT}T1000.html"]
