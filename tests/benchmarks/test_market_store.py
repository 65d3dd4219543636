"""What is compared in the benchmarks of stored bars and of factors is the same rows and the same numbers."""

from collections import defaultdict

import numpy as np
import pytest
from benchmarks import factor_table, market_store

from nightdesk.store.db import cursor


def test_every_job_works_on_all_rows_and_the_raw_copy_writes_them_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(market_store, "SESSIONS", 300)
    taken: dict[str, list[float]] = defaultdict(list)
    with market_store.desk_of(40) as desk:
        frame = market_store.seeded_frame(desk.book, 300)
        assert len(frame) == 40 * 300
        for _ in range(2):
            market_store.one_round(desk, frame, taken)
        with cursor(desk.conn) as cur:
            cur.execute(
                "SELECT count(*), count(*) FILTER (WHERE plain_bars = bars) "
                "FROM plain_bars JOIN nightdesk.bars USING (symbol_id, session, version)"
            )
            assert cur.fetchall() == [(len(frame), len(frame))]
    jobs = {"first ingest", "the same rows again", "raw COPY", "transport", "panel", "data checks"}
    assert set(taken) == jobs
    assert all(len(times) == 2 and min(times) > 0 for times in taken.values())


def test_rows_that_are_known_already_at_a_first_ingest_measure_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(market_store, "SESSIONS", 30)
    with market_store.desk_of(5) as desk:
        frame = market_store.seeded_frame(desk.book, 30)
        monkeypatch.setattr(market_store.Desk, "run", lambda *_: None)
        market_store.save_market(desk.conn, desk.book, frame, inception=market_store.INCEPTION)
        with pytest.raises(AssertionError, match="nothing was measured"):
            market_store.one_round(desk, frame, defaultdict(list))


def test_the_desk_and_pandas_ta_agree_on_the_measured_factors() -> None:
    assert len(set(factor_table.NAMES)) == 16
    panel = factor_table.seeded_panel(3)
    factor_table.must_agree(panel)
    table = factor_table.by_desk(panel)
    assert set(table) == set(factor_table.NAMES)
    assert all(np.isfinite(values[factor_table.FORGOTTEN :, 0]).all() for values in table.values())


def test_factors_that_differ_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = factor_table.seeded_panel(2)
    wrong = {name: values * 1.001 for name, values in factor_table.by_desk(panel).items()}
    monkeypatch.setattr(factor_table, "by_desk", lambda _: wrong)
    with pytest.raises(AssertionError, match="momentum_20"):
        factor_table.must_agree(panel)
