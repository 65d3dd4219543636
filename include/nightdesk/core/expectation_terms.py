"""What a person expects of a session's data beside the desk's own checks: expectations by name, as data.

An expectation is one of Great Expectations, asked of a frame of the session. Those of `ARRAY_FORMS` the desk
also computes on arrays, over all sessions at once; so a backtest and the store come to the same verdict, and
they alone may hold a symbol in quarantine or stop a run. Any other is asked where Great Expectations runs,
and may only warn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from nightdesk.core.book_errors import describe
from nightdesk.core.documents import MOST_BYTES, read_bytes, read_yaml
from nightdesk.core.errors import Refused
from nightdesk.core.expectation_kinds import expectation_kinds
from nightdesk.core.fields import Frozen, Name, Params, Symbol

#: What the desk measures of each symbol: columns of the frame `measures`.
MEASURED_COLUMNS = (
    "nulls", "not_positive", "out_of_range", "price_jump", "adjustment_jump", "missing_share",
    "source_deviation", "absent", "no_bar", "unchanged", "outlier", "spike", "volume_mismatch",
)  # fmt: skip
#: The columns of each frame that hold numbers; both have `symbol` too.
FRAME_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "bars": ("open", "high", "low", "close", "volume", "previous_close", "change", "traded"),
    "measures": MEASURED_COLUMNS,
}
#: Names of the desk's own checks, and of what is told beside them.
TAKEN_NAMES = frozenset(
    {*MEASURED_COLUMNS, "reference_age", "reference_faulty", "failed_share", "corporate_action",
     "great_expectations"}
)  # fmt: skip

#: Judged row by row, and of the frame as a whole.
_ROWS = (
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_pair_values_to_be_equal",
)
_WHOLE = ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal")
ARRAY_FORMS = (*_ROWS, *_WHOLE)

_BOUNDED = frozenset({"expect_column_values_to_be_between", "expect_table_row_count_to_be_between"})
_OF_WORDS = frozenset({
    "expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_be_null", "expect_column_values_to_not_be_null",
})  # fmt: skip
_NAMING = ("column", "column_A", "column_B", "column_list", "column_set")

#: A suite that is longer is no suite that a person reads.
MOST_EXPECTATIONS = 200


class OwnExpectation(Frozen):
    """One expectation of a book's own."""

    name: Name = Field(description="how findings call it; none of the desk's own checks")
    expect: str = Field(description="an expectation of Great Expectations by name")
    arguments: Params = Field(default_factory=dict, description="what it takes, as its description says")
    frame: Literal["bars", "measures"] = Field(
        "bars", description="what it is asked of: bars of the session, or what the desk's checks measured"
    )
    symbols: tuple[Symbol, ...] = Field((), description="of these alone; none: of all that may be traded")
    then: Literal["warn", "quarantine", "stop"] = Field(description="what follows where it fails")
    because: str = Field(
        "", max_length=300, description="why it is expected, for those who read that it fails"
    )

    @property
    def has_array_form(self) -> bool:
        """Whether the desk computes it by itself, in a backtest too."""
        return self.expect in ARRAY_FORMS

    @property
    def of_the_whole(self) -> bool:
        """Whether its verdict is on all rows together: a count, or a share that must pass (`mostly`)."""
        return not expectation_kinds()[self.expect].by_row or "mostly" in self.arguments

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        if self.name in TAKEN_NAMES:
            yield f"name: found {self.name}, which is a check of the desk's own; take another name"
        kind = expectation_kinds().get(self.expect)
        if kind is None:
            yield f"expect: found {self.expect!r}, which is no known expectation{_nearest(self.expect)}"
            return
        faults = [f"arguments.{one}" for one in kind.faults(self.arguments)]
        yield from faults or self._faults_of_arguments()
        yield from self._faults_of_consequence()

    def _faults_of_arguments(self) -> Iterator[str]:
        columns = ("symbol", *FRAME_COLUMNS[self.frame])
        for key in _NAMING:
            said = self.arguments.get(key, [])
            for one in said if isinstance(said, list) else [said]:
                if one not in columns:
                    yield (f"arguments.{key}: found {one!r}; the frame {self.frame} has {', '.join(columns)}")
                elif one == "symbol" and self.has_array_form and self.expect not in _OF_WORDS:
                    yield f"arguments.{key}: found symbol, whose values are words; name a column of numbers"
        if self.expect in _BOUNDED and not {"min_value", "max_value"} & self.arguments.keys():
            yield "arguments: found neither min_value nor max_value; give one of them, or both"
        low, high = (self.arguments.get(key) for key in ("min_value", "max_value"))
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            yield f"arguments: found min_value {low:g} above max_value {high:g}; nothing lies between them"
        yield from self._faults_of_values()
        mostly = self.arguments.get("mostly")
        if isinstance(mostly, int | float) and not (0 < mostly <= 1 and round(mostly, 2) == mostly):
            yield f"arguments.mostly: found {mostly:g}; expected a share above 0, at most 1, of two decimals"

    def _faults_of_values(self) -> Iterator[str]:
        values = self.arguments.get("value_set")
        if not isinstance(values, list) or self.arguments.get("column") is None:
            return
        words = self.arguments["column"] == "symbol"
        wanted = str if words else (int, float)
        wrong = [one for one in values if isinstance(one, bool) or not isinstance(one, wanted)]
        if wrong or not values:
            found = wrong[0] if wrong else "an empty list"
            yield f"arguments.value_set: found {found!r}; expected {'words' if words else 'numbers'}"

    def _faults_of_consequence(self) -> Iterator[str]:
        if self.then == "warn":
            return
        if not self.has_array_form:
            yield (
                f"then: found {self.then}; {self.expect} is asked of the newest session alone, by Great "
                "Expectations, and a backtest could not know its verdict: set then to warn, or expect one of "
                f"{', '.join(ARRAY_FORMS)}"
            )
        elif self.then == "quarantine" and self.of_the_whole:
            yield (
                "then: found quarantine, and this speaks of all rows together, of no symbol: set then to "
                "warn or stop" + ("; or leave mostly out" if "mostly" in self.arguments else "")
            )


Expectations = Annotated[tuple[OwnExpectation, ...], Field(max_length=MOST_EXPECTATIONS)]


def faults_of_expectations(said: Sequence[OwnExpectation], universe: frozenset[str] | None) -> Iterator[str]:
    """What is wrong with them together: a name given twice, a symbol that the book does not have.

    Parameters
    ----------
    said : sequence of OwnExpectation
    universe : frozenset of str or None
        The symbols that may be traded; None where a list names them.
    """
    names = [one.name for one in said]
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield f"quality.expectations: the name {name} is given twice; each finding is told by its name"
    for one in said:
        for symbol in one.symbols:
            if universe is not None and symbol not in universe:
                where = f"quality.expectations.{one.name}.symbols"
                yield f"{where}: {symbol} is no symbol of this book's universe"


def read_expectations(path: Path) -> list[Any]:
    """The expectations of a file, as a book holds them.

    Raises
    ------
    Refused
        With the file, the place in it, what was found and what to do.
    """
    try:
        text = read_bytes(path, MOST_BYTES, "a file of expectations").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8 ({error.reason}): write the file anew") from error
    tree = read_yaml(text, str(path))
    said = tree.get("expectations") if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or set(tree) != {"expectations"} or not isinstance(said, list):
        raise Refused(
            f"{path}: a file of expectations has the one key `expectations` with a list; each of it has "
            f"{', '.join(OwnExpectation.model_fields)}"
        )
    try:
        TypeAdapter(Expectations).validate_python(said)
    except ValidationError as error:
        found = (_placed(dict(one), said) for one in error.errors())
        raise Refused("\n".join(f"{path}: {line}" for line in found)) from error
    return said


def _placed(error: dict[str, Any], said: Sequence[Any]) -> str:
    """An error with the place in the list, from 1, and the name that stands there."""
    first, *rest = error["loc"] or ("",)
    if not isinstance(first, int):
        return describe(error, OwnExpectation)
    one = said[first]
    name = f" ({one['name']})" if isinstance(one, dict) and isinstance(one.get("name"), str) else ""
    place = f"expectations, number {first + 1}{name}"
    if not rest and error["type"] == "value_error":
        return f"{place}: {error['ctx']['error']}"
    return f"{place}: {describe({**error, 'loc': tuple(rest) or ('entry',)}, OwnExpectation)}"


def _nearest(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, expectation_kinds(), n=1)
    return f" (did you mean {close[0]}?)" if close else "; docs/data-checks.md says where they are described"
