"""The outcome of a stress test as evidence: what passed, what was skipped, what the shocks showed."""

from dataclasses import replace

from tests.engine.desks import book

from nightdesk.operations.keep_stress import keep_stress
from nightdesk.research.stress.comparison_of_levels import Overall, Stress, Stressed
from nightdesk.research.stress.scenarios import SCENARIOS, SHOCKS, Scenario
from nightdesk.research.stress.stress_figures import stress_figures
from nightdesk.store.db import Connection
from nightdesk.store.gate_evidence_rows import evidence_of


def run(scenario: Scenario, *, passed: bool = True) -> Stressed:
    """A run of a scenario, without levels."""
    return Stressed(
        scenario, False, 250, 0.05, float("nan"), 0.1, 0.12, 0, 0, 0, 20, 0, passed,
        cash_sessions=3, sources=("files", "sample"),
    )  # fmt: skip


WHOLE = Stress(tuple(map(run, (*SCENARIOS, *SHOCKS))), {}, Overall(0.12, 0.12, passed=True))


def test_all_that_passed_is_kept_of_the_books_rules(conn: Connection) -> None:
    two = book()
    number = keep_stress(conn, two, WHOLE)
    (kept,) = evidence_of(conn, two.name, "stress")
    assert (kept.number, kept.rules_hash) == (number, two.rules_hash)
    assert kept.figures["passed"] is True
    assert kept.figures["shocks_passed"] is True
    assert kept.figures["sources"] == ["files", "sample"]
    assert kept.figures["drawdowns"]["gap without levels"] == 0.12
    assert (kept.figures["worst_drawdown"], kept.figures["failed"], kept.figures["skipped"]) == (0.12, [], {})


def test_a_shock_that_is_failed_is_told_beside_and_a_scenario_that_is_failed_or_skipped_fails() -> None:
    runs = list(WHOLE.runs)
    shocked = stress_figures(replace(WHOLE, runs=(*runs[:-1], run(SHOCKS[-1], passed=False))))
    assert (shocked["passed"], shocked["shocks_passed"]) == (True, False)
    assert shocked["failed"] == [SHOCKS[-1].name]
    failed = stress_figures(replace(WHOLE, runs=(run(SCENARIOS[0], passed=False), *runs[1:])))
    assert (failed["passed"], failed["shocks_passed"]) == (False, True)
    skipped = stress_figures(Stress(tuple(runs[1:]), {SCENARIOS[0].name: "no bars"}, WHOLE.overall))
    assert not skipped["passed"]
    together = stress_figures(replace(WHOLE, overall=Overall(0.3, 0.2, passed=False)))
    assert not together["passed"]
