"""The rules: each fires where it should and nowhere else, by promtool and in a real Prometheus."""

import re
import subprocess
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.metrics.conftest import BOOK
from tests.metrics.prometheus_server import CONFIG, PROJECT, RULES, program, prometheus, wait_for
from tests.test_links import anchors
from typer.main import get_command

from nightdesk.cli import app
from nightdesk.metrics.exporter import serving

CASES = yaml.safe_load(Path(__file__).with_name("rule_cases.yaml").read_text())


def rules() -> list[dict[str, Any]]:
    return [one for group in yaml.safe_load(RULES.read_text())["groups"] for one in group["rules"]]


def fired(kind: str, folder: Path) -> Counter[str]:
    """How often each rule fires in its cases of a kind, ``well`` or ``bad``, as promtool finds."""
    found: Counter[str] = Counter()
    # Days are looked at by quarters of an hour: by minutes it would take minutes.
    for step, cases in (
        (1, [one for one in CASES if one["minutes"] < 1000]),
        (15, [one for one in CASES if one["minutes"] >= 1000]),
    ):
        path = folder / f"{kind}_{step}.yml"
        tests = [promtool_test(one, kind, step) for one in cases]
        said = {"rule_files": [str(RULES)], "evaluation_interval": f"{step}m", "tests": tests}
        path.write_text(yaml.safe_dump(said))
        found += judged(path)
    return found


def promtool_test(case: dict[str, Any], kind: str, step: int) -> dict[str, Any]:
    """A case as promtool takes it; nothing is expected, so whatever fires is named as a failure."""
    minutes, alert = case["minutes"], f"Nightdesk{case['rule']}"
    values = {name: f"{value}x{minutes // step + 10}" for name, value in case[kind].items()}
    return {
        "interval": f"{step}m",
        "input_series": [{"series": name, "values": one} for name, one in values.items()],
        "alert_rule_test": [{"eval_time": f"{minutes + step}m", "alertname": alert, "exp_alerts": []}],
    }


def judged(path: Path) -> Counter[str]:
    done = subprocess.run(
        [program("promtool"), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert said.count("got:") == said.count("alertname: "), said
    assert (done.returncode == 0) == ("got:" not in said), said
    return Counter(re.findall(r"alertname: Nightdesk(\w+),", said))


def test_no_rule_fires_where_all_is_well(tmp_path):
    assert fired("well", tmp_path) == Counter()


def test_every_rule_fires_where_it_should(tmp_path):
    assert fired("bad", tmp_path) == Counter(one["rule"] for one in CASES)


def test_every_rule_is_tried():
    assert {f"Nightdesk{one['rule']}" for one in CASES} == {one["alert"] for one in rules()}


@pytest.mark.parametrize("name", ["prometheus.yml", "one-machine.yml"])
def test_promtool_takes_the_files(name):
    subprocess.run(
        [program("promtool"), "check", "config", str(CONFIG / name)], check=True, capture_output=True
    )


def test_the_two_configurations_differ_in_where_the_desk_is_and_in_nothing_else():
    of_compose, of_one = (
        yaml.safe_load((CONFIG / name).read_text()) for name in ("prometheus.yml", "one-machine.yml")
    )
    (desk,) = of_compose["scrape_configs"][0]["static_configs"]
    (other,) = of_one["scrape_configs"][0]["static_configs"]
    assert (desk.pop("targets"), other.pop("targets")) == (["metrics:9464"], ["127.0.0.1:9464"])
    assert of_compose == of_one


def test_every_rule_says_what_to_do_by_commands_that_exist_and_where_to_read_on():
    known = get_command(app).commands
    for one in rules():
        told = one["annotations"]
        assert set(told) == {"summary", "description", "runbook"}, one["alert"]
        page, _, name = told["runbook"].partition("#")
        assert name in anchors(PROJECT / page), told["runbook"]
        assert one["labels"]["severity"] in {"critical", "warning"}
        for command in re.findall(r"`nightdesk ([\w-]+)", told["description"]):
            assert command in known, (one["alert"], command)


def test_a_missed_session_a_stale_source_and_a_late_bar_are_told_by_a_real_prometheus(measured, tmp_path):
    """The rules as they are, but for how long they wait."""
    with (
        serving(measured.reader(), "127.0.0.1", 0, print) as port,
        prometheus(tmp_path, port, change=lambda rule: rule.update({"for": "0s"})) as server,
    ):
        wait_for(lambda: bool(server.query("nightdesk_decisions_due == 0")), "all is decided")
        wait_for(lambda: "NightdeskGraveAlertUnacknowledged" in server.firing(), "the rules are judged")
        quiet = {"NightdeskSessionMissed", "NightdeskFeedStale", "NightdeskDataLate", "NightdeskDatabaseDown"}
        assert not quiet & server.firing().keys()
        # The next session's bars were due three hours ago, and nobody has begun it; the source fails since.
        measured.set_clock(timedelta(days=1, hours=3))
        measured.run(
            "UPDATE nightdesk.feed_health SET failures = 2, last_success = now() - interval '3 hours', "
            "last_failure = now() WHERE source = 'sample'"
        )
        wait_for(lambda: quiet - {"NightdeskDatabaseDown"} <= server.firing().keys(), "three rules fire")
        told = server.firing()
        assert told["NightdeskSessionMissed"] == {f"{BOOK}: a decision is overdue by 3h 0m {_seconds(told)}s"}
        assert told["NightdeskFeedStale"] == {"sample fails and has not answered for an hour or longer"}
        assert "NightdeskDatabaseDown" not in told
        measured.set_clock(timedelta(minutes=30))
        measured.run(
            "UPDATE nightdesk.feed_health SET failures = 0, last_success = now() WHERE source = 'sample'"
        )
        wait_for(lambda: not quiet & server.firing().keys(), "all is well again")


def _seconds(told: dict[str, set[str]]) -> str:
    """How many seconds past three hours the machine was when it judged."""
    (summary,) = told["NightdeskSessionMissed"]
    found = re.search(r"3h 0m (\d+)s$", summary)
    assert found is not None, summary
    return found[1]
