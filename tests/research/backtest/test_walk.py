"""The walk."""

from nightdesk.research.backtest.run import walk


def test_each_session_goes_through_the_steps_in_order_with_the_state_of_the_one_before() -> None:
    def double(t: int, state: tuple[int, ...]) -> tuple[int, ...]:
        return (*state, 2 * t)

    def negate(t: int, state: tuple[int, ...]) -> tuple[int, ...]:
        return (*state, -t)

    assert walk(range(3, 5), (double, negate), ()) == (6, -3, 8, -4)


def test_no_session_leaves_the_state_alone() -> None:
    assert walk(range(0), (lambda t, state: state + 1,), 7) == 7
