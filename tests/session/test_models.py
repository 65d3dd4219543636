"""A strategy that learns in the daily run: its models are stored, live as they were, and the backtest's."""

from collections.abc import Callable

import pytest
import yaml
from tests.conftest import open_connection
from tests.session.small_desk import ORIGIN, SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.operations.replay import rewind
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session import steps
from nightdesk.session.models import live_models
from nightdesk.session.report import reasons_of
from nightdesk.store.decision_rows import signals_of, targets_of
from nightdesk.store.ledger_rows import read_marks

NAME = "ml_momentum"
PARAMS = {"window": 120, "min_samples": 100, "refit": "week", "buy_above": 0.5}

#: The first session is a Tuesday, so its model is of the Monday before, a session before the inception.
FIRST_REFIT = get_calendar().shift(session(0), -1)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    made = make_desk()
    tree = yaml.safe_load(made.book.read_text())
    entry = {"share": 0.5, "params": PARAMS}
    tree["strategies"] = {NAME: entry, "time_series_momentum": {"share": 0.5}}
    made.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    return made


def models(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT fitted, session, digest FROM nightdesk.models ORDER BY fitted")


def test_the_steps_and_the_backtest_fit_the_same_models_and_decide_the_same(desk: SmallDesk) -> None:
    sessions = [session(number) for number in range(10)]
    for number in range(10):
        desk.run(number)
    book = load_book(desk.book)
    panel = read_market(book, ORIGIN, sessions[-1], [desk.feed]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])

    live = [result.market.models[NAME][one.t] for one in result.decided]
    made = {one.fitted: session(at) for at, one in reversed(list(enumerate(live)))}
    assert [as_date(panel.sessions[0]), len(made), min(made)] == [ORIGIN, 3, FIRST_REFIT]
    assert all(one.speaks for one in live)
    expected = [(fitted, maker) for fitted, maker in sorted(made.items())]
    assert [row[:2] for row in models(desk)] == expected
    assert [row[2] for row in models(desk)] == [one.digest for one in dict.fromkeys(live)]

    bought = 0
    with open_connection(desk.url) as conn:
        for at, one in enumerate(result.decided):
            said = result.market.signals[NAME].row(one.t)
            for row in signals_of(conn, book.name, get_calendar().close_at(sessions[at])):
                if row["strategy"] == NAME:
                    n = result.desk.column[row["symbol"]]
                    for name in ("direction", "strength", "confidence", "reason"):
                        assert row[name] == getattr(said, name)[0, n], (sessions[at], row["symbol"], name)
                    bought += row["direction"]
            for row in targets_of(conn, book.name, get_calendar().close_at(sessions[at])):
                s, n = result.desk.strategy_row[row["strategy"]], result.desk.column[row["symbol"]]
                assert float(row["quantity"]) == one.targets.quantity[s, n]
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
    assert bought > 10, "a parity without purchases shows little"
    assert "atr_14" in result.desk.factor_names, "the stop of its exit plan has nothing to rest on"

    with desk.at(9) as context:
        told = reasons_of(context)[NAME, "SPY"][2]
    assert told == result.desk.strategies[NAME].explain(
        result.view, result.market.signals[NAME], result.decided[-1].t, 0
    )
    assert f"by the model of {live[-1].fitted}" in told


def test_a_later_correction_of_the_bars_changes_no_model_that_was_live(desk: SmallDesk) -> None:
    for number in range(3):
        desk.run(number)
    before = models(desk)
    desk.change_bar("SPY", session(-4), 1.2)
    desk.run(3)
    assert models(desk) == before
    for number in (0, 2):  # the one that fitted it, and one that used it
        with desk.at(number) as context:
            assert steps.signals(context, NAME)["differs"] == 0
    # the next refit learns from the corrected bar
    for number in range(4, 6):
        desk.run(number)
    panel = read_market(load_book(desk.book), ORIGIN, session(5), [desk.feed]).panel
    again = backtest(load_book(desk.book), panel, session(0), session(5), checked=False)
    fitted = dict.fromkeys(again.market.models[NAME][one.t] for one in again.decided)
    same = [row[2] == one.digest for row, one in zip(models(desk), fitted, strict=True)]
    assert same == [False, True]


def test_a_replay_fits_the_models_of_its_sessions_anew_and_leaves_the_earlier_ones(desk: SmallDesk) -> None:
    for number in range(6):
        desk.run(number)
    before = models(desk)
    assert [row[1] for row in before] == [session(0), session(4)]
    desk.change_bar("SPY", session(1), 1.2)
    with desk.at(4) as context:
        rewind(context)
    assert models(desk) == before[:1]
    for number in range(4, 6):
        desk.run(number)
    after = models(desk)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert [row[2] == old[2] for row, old in zip(after, before, strict=True)] == [True, False]


def test_running_the_session_of_a_refit_again_changes_nothing(desk: SmallDesk) -> None:
    desk.run(0)
    before = desk.dump()
    desk.run(0)
    assert desk.dump()["models"] == before["models"]
    assert desk.dump()["signals"] == before["signals"]


def test_the_run_that_fitted_a_model_fits_it_again_on_bars_that_came_while_it_was_open(
    desk: SmallDesk,
) -> None:
    desk.run_steps(0, "ingest", "signals")
    before = models(desk)
    desk.change_bar("SPY", session(-4), 1.2)
    desk.run_steps(0, "ingest", "signals")
    after = models(desk)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert after[0][2] != before[0][2]


def test_sessions_that_are_made_side_by_side_share_the_first_ones_model(desk: SmallDesk) -> None:
    desk.run_steps(1, "ingest", "signals")
    desk.run_steps(0, "ingest", "signals")
    assert [row[:2] for row in models(desk)] == [(FIRST_REFIT, session(1))]
    with desk.at(0) as first, desk.at(1) as second:
        both = [live_models(one, one.desk.strategies[NAME]) for one in (first, second)]
    assert both[0] == both[1] != {}


def change_window(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    tree["strategies"][NAME]["params"]["window"] = 100
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))


def test_another_recipe_makes_another_model_and_leaves_the_old_sessions_theirs(desk: SmallDesk) -> None:
    for number in range(2):
        desk.run(number)
    change_window(desk)
    desk.run(2)
    rows = desk.rows("SELECT fitted, session, samples FROM nightdesk.models ORDER BY session")
    assert [row[1] for row in rows] == [session(0), session(2)]
    assert rows[0][2] > rows[1][2]


def test_a_session_that_is_begun_anew_with_another_recipe_keeps_none_of_its_old_models(
    desk: SmallDesk,
) -> None:
    desk.run_steps(0, "ingest", "signals")
    before = models(desk)
    change_window(desk)
    desk.run_steps(0, "ingest", "ingest")
    assert models(desk) == []
    desk.run_steps(0, "quality", "signals")
    after = models(desk)
    assert len(before) == len(after) == 1
    assert before[0][2] != after[0][2]


def test_a_model_whose_numbers_were_changed_is_refused_and_the_other_strategies_go_on(
    desk: SmallDesk,
) -> None:
    desk.run(0)
    desk.rows("UPDATE nightdesk.models SET intercept = intercept + 1 RETURNING 1")
    done = desk.run(1)
    assert "its row was changed; replay the book" in str(done[f"signals:{NAME}"]["failed"])
    assert done["signals:time_series_momentum"]["symbols"] == 5
    with desk.at(0) as context:
        assert "its row was changed" in reasons_of(context)[NAME, "SPY"][2]
        assert "its row was changed" not in reasons_of(context)["time_series_momentum", "SPY"][2]


def test_a_dry_run_keeps_no_model(desk: SmallDesk) -> None:
    desk.run(0, dry_run=True)
    assert models(desk) == []
