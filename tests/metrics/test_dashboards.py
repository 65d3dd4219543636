"""What Grafana and the containers are given: whole, consistent, and made from the list of panels.

Grafana itself is not run here; the structure is checked against its published JSON model.
"""

import importlib.util
import json
import re
import sys

import pytest
import yaml
from tests.metrics.prometheus_server import CONFIG, PROJECT, RULES

GRAFANA = PROJECT / "config" / "grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
#: Kinds of panels that Grafana brings along.
KINDS = {"row", "stat", "timeseries", "bargauge", "table", "state-timeline"}


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("dashboards", PROJECT / "tools" / "dashboards.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["dashboards"] = module  # its dataclasses look there for their names
    spec.loader.exec_module(module)
    yield module
    del sys.modules["dashboards"]


def provisioned(path: str, what: str) -> dict:
    """The one entry of a file that Grafana reads when it starts."""
    (one,) = yaml.safe_load((GRAFANA / "provisioning" / path).read_text())[what]
    return one


def test_every_dashboard_is_made_from_the_list_of_panels(tool):
    written = {path.name: path.read_text() for path in (GRAFANA / "dashboards").glob("*.json")}
    assert written == tool.files(), "python tools/dashboards.py"


def test_there_are_four_with_uids_and_titles_of_their_own():
    assert set(BOARDS) == {"desk", "book", "data", "operations"}
    assert len({one["uid"] for one in BOARDS.values()}) == len({one["title"] for one in BOARDS.values()}) == 4
    # A uid has at most 40 characters, or Grafana refuses the file.
    assert all(re.fullmatch(r"[\w-]{1,40}", one["uid"]) for one in BOARDS.values())


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_ids_a_place_of_their_own_and_the_one_source(name):
    board = BOARDS[name]
    source = provisioned("datasources/prometheus.yaml", "datasources")
    panels = board["panels"]
    assert board["schemaVersion"] >= 39
    assert "id" not in board  # that of an installation's own database
    assert [one["id"] for one in panels] == list(range(1, len(panels) + 1))
    assert {one["type"] for one in panels} <= KINDS
    taken = set()
    for one in panels:
        at = one["gridPos"]
        place = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not place & taken, one["title"]
        assert at["x"] + at["w"] <= 24
        taken |= place
        assert one["title"]
        if one["type"] == "row":
            continue
        assert one["datasource"] == {"type": "prometheus", "uid": source["uid"]}
        assert len({target["refId"] for target in one["targets"]}) == len(one["targets"]) >= 1
        assert all(target["datasource"] == one["datasource"] and target["expr"] for target in one["targets"])
        values = [step["value"] for step in one["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])
    titles = [one["title"] for one in panels]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("name", BOARDS)
def test_variables_of_queries_are_those_of_the_dashboard(name):
    board = BOARDS[name]
    known = {one["name"] for one in board["templating"]["list"]}
    asked = {
        variable
        for panel in board["panels"]
        for target in panel.get("targets", ())
        for variable in re.findall(r"\$(\w+)", target["expr"])
    }
    assert asked == known
    uid = provisioned("datasources/prometheus.yaml", "datasources")["uid"]
    assert all(one["datasource"]["uid"] == uid for one in board["templating"]["list"])


def test_the_containers_are_given_the_files_where_they_look_for_them():
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())
    services = compose["services"]
    grafana, prometheus, metrics = services["grafana"], services["prometheus"], services["metrics"]
    mounts = dict(one.split(":")[:2] for one in grafana["volumes"] + prometheus["volumes"])
    provider = provisioned("dashboards/nightdesk.yaml", "providers")
    assert mounts["./config/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./config/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (GRAFANA / "dashboards" / home.removeprefix(f"{provider['options']['path']}/")).is_file()
    source = provisioned("datasources/prometheus.yaml", "datasources")
    assert source["url"].strip("${}") in grafana["environment"]
    assert mounts["./config/prometheus"] == "/etc/prometheus"
    assert "--config.file=/etc/prometheus/prometheus.yml" in prometheus["command"]
    said = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    (target,) = said["scrape_configs"][0]["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert services[host] is metrics
    assert metrics["entrypoint"][-1] == port
    for service in (grafana, prometheus, metrics):
        assert all(one.startswith("127.0.0.1:") for one in service.get("ports", ()))
        assert "env_file" not in service  # keys of brokers, vendors and receivers are not for them
        assert not service["image"].endswith(":latest") or service is metrics
        assert service["healthcheck"]
        assert service["networks"] == ["desk"]


def test_the_page_of_the_docs_counts_the_rules_as_they_are():
    rules = [one for group in yaml.safe_load(RULES.read_text())["groups"] for one in group["rules"]]
    page = (PROJECT / "docs" / "metrics.md").read_text()
    assert f"[{len(rules)} rules]" in page
    for name in re.findall(r"`(Nightdesk\w+)`", page):
        assert name in {one["alert"] for one in rules}
    for name in re.findall(r"`(nightdesk_\w+)", page):
        assert name in (PROJECT / "docs" / "reference" / "metrics.md").read_text()
