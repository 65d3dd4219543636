"""Every query of every dashboard and rule is asked of a real Prometheus that reads the real exporter."""

import json
import re
from datetime import timedelta

import pytest
import yaml
from tests.fakes.airflow_monitor import airflow_monitor
from tests.metrics.conftest import BOOK
from tests.metrics.prometheus_server import PROJECT, RULES, prometheus, wait_for

from nightdesk.metrics.exporter import serving
from nightdesk.metrics.families import FAMILIES

DASHBOARDS = sorted((PROJECT / "config" / "grafana" / "dashboards").glob("*.json"))
#: Of what this desk has none: a backup, and Airflow's own metrics, which are pushed where one asks for it.
ABSENT = re.compile(r"\b(airflow_\w+|nightdesk_(backup|drill)_timestamp_seconds)\b")
#: Names in PromQL that are series: those of the desk, of Prometheus itself, of Airflow.
SERIES = re.compile(r"\b(nightdesk_\w+|airflow_\w+|up|ALERTS|scrape_\w+)\b(?!\s*\()")


def panels() -> list[tuple[str, str]]:
    found = []
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            found += [
                (f"{path.stem}: {panel['title']}", one["expr"].replace("$book", BOOK))
                for one in panel.get("targets", ())
            ]
    return found


def rules() -> list[tuple[str, str]]:
    said = yaml.safe_load(RULES.read_text())
    return [(one["alert"], one["expr"]) for group in said["groups"] for one in group["rules"]]


@pytest.fixture(scope="module")
def server(measured, tmp_path_factory):
    measured.run(
        "INSERT INTO nightdesk.feed_health "
        "(source, failures, opened_at, last_success, last_failure, last_error) "
        "VALUES ('yahoo', 7, now(), now() - interval '2 hours', now(), 'HTTP 500')",
        f"INSERT INTO nightdesk.broker_health (book, failing_since) VALUES ('{BOOK}', now())",
        "UPDATE nightdesk.orders SET status = 'rejected' WHERE client_order_id = ("
        "SELECT client_order_id FROM nightdesk.orders WHERE status = 'submitted')",
    )
    with (
        airflow_monitor() as airflow,
        serving(measured.reader(NIGHTDESK_AIRFLOW_URL=airflow.url), "127.0.0.1", 0, print) as port,
        prometheus(tmp_path_factory.mktemp("prometheus"), port) as running,
    ):
        wait_for(lambda: len(running.query("nightdesk_nav_dollars[1m]")) > 0, "a mark was read")
        # An increase needs two readings, and the exporter reads the store once in five seconds.
        wait_for(
            lambda: bool(running.query("count_over_time(nightdesk_up[1m]) >= 3")), "it was read three times"
        )
        wait_for(lambda: bool(running.query("ALERTS")), "the rules were judged")
        yield running


@pytest.mark.parametrize(("panel", "query"), panels(), ids=lambda one: one[:70])
def test_every_query_of_a_dashboard_gives_series_where_the_desk_has_any(server, panel, query):
    assert server.gives(query, any_series=not ABSENT.search(query)), (panel, query)


@pytest.mark.parametrize(("alert", "query"), rules(), ids=lambda one: one[:70])
def test_every_query_of_a_rule_is_understood_and_asks_for_what_there_is(server, alert, query):
    server.query(query)
    for name in set(SERIES.findall(query)):
        assert name == "up" or name in FAMILIES, (alert, name)
        # A rule that asks for a label that no series has would stay silent for ever.
        selector = re.search(rf"\b{name}(\{{[^}}]*\}})?", query)
        labels = re.findall(r"(\w+)\s*[!=~]{1,2}", selector[1] or "") if selector else []
        assert name == "up" or set(labels) <= set(FAMILIES[name].labels), (alert, name, labels)
        assert server.gives(name, any_series=not ABSENT.search(name)), (alert, name)


def test_every_metric_of_the_desk_is_on_a_dashboard_or_in_a_rule():
    asked = {name for _, query in [*panels(), *rules()] for name in SERIES.findall(query)}
    unseen = FAMILIES.keys() - asked
    assert unseen == {
        "nightdesk_build_info", "nightdesk_mark_timestamp_seconds", "nightdesk_read_timestamp_seconds"
    }  # fmt: skip
    assert {one for one in asked if one.startswith("nightdesk_")} <= FAMILIES.keys()


def test_the_book_of_the_dashboard_is_chosen_among_those_that_there_are(server):
    (board,) = [json.loads(one.read_text()) for one in DASHBOARDS if one.stem == "book"]
    (variable,) = board["templating"]["list"]
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
    assert {one["metric"][label] for one in server.query(metric)} == {BOOK}


def test_what_prometheus_holds_is_what_the_store_holds(server, measured):
    measured.set_clock(timedelta(minutes=30))
    ((nav,),) = measured.rows("SELECT nav FROM nightdesk.portfolio ORDER BY as_of DESC LIMIT 1")
    (found,) = server.query(f'nightdesk_nav_dollars{{book="{BOOK}"}}')
    assert float(found["value"][1]) == float(nav)
    (late,) = server.query(f'nightdesk_data_late_seconds{{book="{BOOK}"}}')
    assert float(late["value"][1]) == 0
