"""Statement boundaries are found where statements begin, in the order in which they are passed."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.matrices.boundaries import Boundary, code_of, watching


@contextmanager
def opened(seen: list[str]) -> Iterator[None]:
    seen.append("before")
    yield
    seen.append("after")


def add(
    first: int,
    second: int,
) -> int:
    return first + second


def sample(seen: list[str]) -> int:
    total = add(
        1,
        2,
    )
    with opened(seen):
        for number in (1, 2):
            # A comment is no statement.
            total = add(total, number)
    try:
        raise ValueError
    except ValueError:
        total += 1
    return total


def passed(*functions: object, serving: tuple[object, ...] = ()) -> list[Boundary]:
    found: list[Boundary] = []
    with watching(code_of(*functions), code_of(*serving), found.append):
        assert sample([]) == 7
    return found


def test_every_statement_is_a_boundary_once_each_time_that_it_is_passed() -> None:
    assert [one.statement for one in passed(sample)] == [
        "total = add( 1, 2, )",
        "with opened(seen):",
        "for number in (1, 2):",
        "total = add(total, number)",
        "for number in (1, 2):",
        "total = add(total, number)",
        "for number in (1, 2):",
        "end of with opened(seen):",
        "try:",
        "raise ValueError",
        "except ValueError:",
        "total += 1",
        "return total",
    ]  # fmt: skip


def test_a_function_that_serves_others_is_told_apart_by_its_caller() -> None:
    alone = [one for one in passed(sample, add) if one.function == "add"]
    assert [one.caller for one in alone] == ["", "", ""]
    served = [one for one in passed(sample, opened, serving=(add,)) if one.function == "add"]
    assert [one.caller for one in served] == ["sample"] * 3
    assert {one.name for one in served} == {"add: return first + second  (from sample)"}


def test_statements_of_a_generator_are_passed_where_it_goes_on() -> None:
    found = [(one.function, one.statement) for one in passed(sample, opened)]
    entered = found.index(("sample", "with opened(seen):"))
    assert found[entered + 1 : entered + 3] == [("opened", 'seen.append("before")'), ("opened", "yield")]
    left = found.index(("sample", "end of with opened(seen):"))
    assert found[left + 1] == ("opened", 'seen.append("after")')


def test_nothing_is_seen_after_the_block() -> None:
    found = passed(sample)
    before = len(found)
    sample([])
    assert len(found) == before
