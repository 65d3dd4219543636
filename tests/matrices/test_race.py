"""Two processes that submit at once send each order once."""

from collections.abc import Iterator

import pytest
from tests.matrices.race import GAVE_WAY, Racing
from tests.matrices.scenes import alpaca_desks

#: The parent's threads (of its numerical libraries, and of the fake) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def racing() -> Iterator[Racing]:
    with alpaca_desks() as make_desk:
        yield Racing(make_desk())


def race(racing: Racing, times: int) -> None:
    """In every other race, who comes second does not wait."""
    impatient = [racing.run(turn_seconds=0.0) for _ in range(times // 2)]
    patient = [racing.run(turn_seconds=20.0) for _ in range(times - times // 2)]
    assert [one for race in (*impatient, *patient) for one in race.violations] == []
    assert {race.ended for race in patient} == {(0, 0)}
    # They really met: without the lock both would have worked.
    assert sum(GAVE_WAY in race.ended for race in impatient) > len(impatient) / 2


def test_two_processes_that_submit_at_once_send_each_order_once(racing: Racing) -> None:
    race(racing, 20)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_that_submit_at_once_200_times_send_each_order_once(racing: Racing) -> None:
    race(racing, 200)
