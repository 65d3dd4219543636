"""What Great Expectations says of one session: the desk's suite, and the expectations of the book's own.

The suite is data: `desk_suite.yaml` holds the desk's checks, `quality.expectations` of a book what it expects
besides. It is put together once a process. What a decision follows is the verdict on arrays, which replays
and backtests have too; here every verdict is asked for a second time, of an independent judge, and where the
two differ a person is told. What has no form on arrays is judged here alone.
"""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.documents import read_yaml
from nightdesk.core.errors import Refused
from nightdesk.core.expectation_terms import OwnExpectation
from nightdesk.feeds.checks import CHECKS, WHOLE_BOOK, Finding
from nightdesk.feeds.quality import Quality

if TYPE_CHECKING:
    import pandas as pd

#: The suite of the desk's own checks.
DESK_SUITE = "checks"
#: Under which name a person is told that Great Expectations judges otherwise, or could not be asked.
ITSELF = "great_expectations"
#: Symbols that fail an expectation are kept with its result up to this number.
KEPT_SYMBOLS = 20

_SEVERITY = {"warn": "warning", "quarantine": "critical", "stop": "critical"}
#: What of a result grows with the number of rows.
_LONG = frozenset(
    {"unexpected_list", "unexpected_index_list", "partial_unexpected_counts", "partial_unexpected_list",
     "partial_unexpected_index_list"}
)  # fmt: skip


@dataclass(frozen=True)
class Validation:
    """The result of one suite: `document` is that of Great Expectations as JSON holds it, without times and
    with at most `KEPT_SYMBOLS` symbols an expectation.
    """

    suite: str
    success: bool
    document: Mapping[str, Any]


@dataclass(frozen=True)
class SessionExpectations:
    """What Great Expectations says of a session.

    Attributes
    ----------
    validations : tuple of Validation
        A suite each: that of the desk, and one for each frame of own expectations.
    findings : tuple of Finding
        Of expectations that have no form on arrays.
    differs : tuple of str
        Where it judges otherwise than the arrays, in sentences.
    """

    validations: tuple[Validation, ...]
    findings: tuple[Finding, ...]
    differs: tuple[str, ...]


def asked_only_here(said: Sequence[OwnExpectation]) -> frozenset[str]:
    """The names of findings that come from Great Expectations alone."""
    return frozenset({ITSELF, *(one.name for one in said if not one.has_array_form)})


@cache
def desk_suite() -> tuple[Mapping[str, Any], ...]:
    """The desk's checks as expectations, as its file has them: name, expect, arguments, then, because."""
    path = Path(__file__).with_name("desk_suite.yaml")
    return tuple(read_yaml(path.read_text(encoding="utf-8"), path.name)["expectations"])


def checks_frame(quality: Quality, t: int) -> pd.DataFrame:
    """What was measured at session `t`: a row a symbol and one for the whole book.

    Columns `symbol`, and of every check its value (NaN where nothing could be measured) and, as
    ``NAME_allowed``, the largest value that passes: the limit, or the next number below it where reaching it
    fails.
    """
    import pandas as pd

    columns: dict[str, Any] = {"symbol": quality.row_names}
    for check in CHECKS:
        limit = quality.limit(check, t)
        columns[check.name] = quality.value(check, t)
        columns[f"{check.name}_allowed"] = np.nextafter(limit, -np.inf) if check.reaching_fails else limit
    return pd.DataFrame(columns)


def ask(quality: Quality, t: int) -> SessionExpectations:
    """Ask Great Expectations of session `t`.

    Raises
    ------
    Refused
        When the table of the desk's checks is malformed: then nothing was checked.
    """
    import pandas as pd

    validation, differs = judge(checks_frame(quality, t), quality, t)
    validations, findings = [validation], list[Finding]()
    for suite, said in _suites(quality.limits.expectations).items():
        rows = quality.frames.rows_of(said[0])
        frame = pd.DataFrame(quality.frames.table(said[0].frame, t, rows))
        results, document = _validate(suite, [one.model_dump() for one in said], frame)
        validations.append(document)
        for one in said:
            own = [verdict for verdict in quality.own if verdict.said == one]
            if own:
                failed = {
                    found.symbol for found in own[0].findings(t, quality.symbols) if found.outcome != "pass"
                }
                differs += _difference(one.name, results[one.name], failed)
            else:
                findings += _findings(one, results[one.name], frame)
    return SessionExpectations(tuple(validations), tuple(findings), tuple(differs))


def judge(frame: pd.DataFrame, quality: Quality, t: int) -> tuple[Validation, list[str]]:
    """Hold the desk's suite against its table, and its verdicts against those of the arrays."""
    results, document = _validate(DESK_SUITE, desk_suite(), frame)
    for name in ("columns", "symbols"):
        if not results[name].success:
            raise Refused(
                f"the table of the quality checks is malformed ({name}): {_what(results[name])}; "
                "this is a fault of the desk and not of the data: report it"
            )
    differs = list[str]()
    names = np.array(quality.row_names, dtype=object)
    for check in CHECKS:
        failed = set(names[quality.columns[check.name][quality.failed[check.name][t]]])
        differs += _difference(check.name, results[check.name], failed)
    return document, differs


@dataclass(frozen=True)
class _Result:
    """What came of one expectation: the symbols that fail it, or `*` where it is of the whole frame."""

    success: bool
    symbols: frozenset[str]
    raised: str
    observed: Any


def _what(result: _Result) -> str:
    return result.raised or f"found {result.observed or ', '.join(sorted(result.symbols))}"


def _difference(name: str, result: _Result, failed: set[str]) -> Iterator[str]:
    """A sentence where the arrays have other symbols that fail, or Great Expectations could not judge."""
    if result.raised:
        yield f"{name}: Great Expectations could not judge it ({result.raised})"
    elif result.symbols != failed:
        apart = ", ".join(sorted(result.symbols ^ failed))
        yield f"{name}: Great Expectations and the desk's checks differ on {apart}"


def _findings(one: OwnExpectation, result: _Result, frame: pd.DataFrame) -> Iterator[Finding]:
    """What an expectation says that has no form on arrays."""
    reason = f" ({one.because})" if one.because else ""
    if result.raised:
        words = f"{one.name}: {one.expect} could not be asked: {result.raised}"
        yield Finding(one.name, WHOLE_BOOK, math.nan, math.nan, one.then, words)
        return
    for symbol in sorted(result.symbols):
        column, value = one.arguments.get("column"), math.nan
        if symbol != WHOLE_BOOK and isinstance(column, str) and column != "symbol":
            value = float(frame.loc[frame["symbol"] == symbol, column].iloc[0])
        seen = "" if result.observed is None else f"; found {result.observed}"
        words = f"{one.name}: {one.expect} fails{seen}{reason}"
        yield Finding(one.name, symbol, value, math.nan, one.then, words)
    if not result.symbols:
        yield Finding(one.name, WHOLE_BOOK, math.nan, math.nan, "pass", one.name)


def _suites(said: Sequence[OwnExpectation]) -> dict[str, list[OwnExpectation]]:
    """Own expectations by the rows that they look at; a suite each, named after its frame."""
    by_rows: dict[tuple[str, tuple[str, ...]], list[OwnExpectation]] = {}
    for one in said:
        by_rows.setdefault((one.frame, one.symbols), []).append(one)
    return {
        frame if not symbols else f"{frame}_{group[0].name}": group
        for (frame, symbols), group in sorted(by_rows.items())
    }


def _validate(
    suite: str, said: Sequence[Mapping[str, Any]], frame: pd.DataFrame
) -> tuple[dict[str, _Result], Validation]:
    """Results by the names of the expectations, and what is kept of them."""
    form = {"result_format": "COMPLETE", "unexpected_index_column_names": ["symbol"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = _asset().get_batch({"dataframe": frame})
        asked, refused = _suite(suite, json.dumps(said))
        outcome: Any = batch.validate(asked, result_format=form)
    by_name = {one.expectation_config.meta["name"]: one for one in outcome.results}
    rows = {one["name"]: _is_of_rows(one) for one in said}
    results = {name: _result(one, of_rows=rows[name]) for name, one in by_name.items()}
    results |= {name: _Result(False, frozenset(), why, None) for name, why in refused.items()}
    return results, Validation(suite, bool(outcome.success), _document(outcome.to_json_dict()))


def _is_of_rows(one: Mapping[str, Any]) -> bool:
    """Whether symbols fail it one by one."""
    from nightdesk.core.expectation_kinds import expectation_kinds

    return expectation_kinds()[one["expect"]].by_row and "mostly" not in one["arguments"]


def _result(one: Any, *, of_rows: bool) -> _Result:
    failed: frozenset[str] = frozenset()
    if of_rows:
        failed = frozenset(row["symbol"] for row in one.result.get("unexpected_index_list") or ())
    elif not one.success:
        failed = frozenset({WHOLE_BOOK})
    return _Result(bool(one.success), failed, _raised(one.exception_info), one.result.get("observed_value"))


def _raised(info: Any) -> str:
    """Why an expectation could not be evaluated; empty where it was."""
    told = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    words = [f"{one.get('exception_message')}" for one in told if one.get("raised_exception")]
    return "; ".join(dict.fromkeys(words))[:300]


def _document(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without times and whatever grows with the universe, as JSON holds it."""
    kept: dict[str, Any] = {
        "success": result["success"],
        "suite_name": result["suite_name"],
        "statistics": result["statistics"],
        "meta": {"great_expectations_version": result["meta"]["great_expectations_version"]},
        "results": [{**one, "result": _cut(one["result"])} for one in result["results"]],
    }
    for one in kept["results"]:
        one["exception_info"] = {"raised_exception": bool(_raised(one["exception_info"]))}
    document: dict[str, Any] = _plain(kept)
    return document


def _cut(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in result.items() if key != "unexpected_index_query"}
    return {key: value[:KEPT_SYMBOLS] if key in _LONG and value else value for key, value in kept.items()}


def _plain(value: Any) -> Any:
    """JSON without the numbers that it does not know, and without endless lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value[:100]]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return str(value)


def prepared() -> None:
    """Make Great Expectations ready in this process, where that was not done."""
    _asset()


@cache
def _asset() -> Any:
    """The place where a frame is handed over; it asks nobody and tells nobody."""
    # At INFO it tells of its own fields and folders, and buries what a task says of itself.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)

    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # It gives this one a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    settings = DataContextConfig(
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=settings)
    asset = context.data_sources.add_pandas("nightdesk").add_dataframe_asset("session")
    return asset.add_batch_definition_whole_dataframe("all")


@cache
def _suite(name: str, said: str) -> tuple[Any, Mapping[str, str]]:
    """A suite of Great Expectations from its expectations as JSON, and why it does not take some, by name.

    Made once a process.
    """
    import great_expectations as gx

    made, refused = [], {}
    for one in json.loads(said):
        try:
            made.append(expectation_of(one))
        except ValueError as error:
            refused[one["name"]] = why_refused(error)
    return gx.ExpectationSuite(name=name, expectations=made), refused


def expectation_of(one: Mapping[str, Any]) -> Any:
    """An expectation from what a suite says of it; `ValueError` where Great Expectations does not take it."""
    from great_expectations.expectations.registry import get_expectation_impl

    make: Any = get_expectation_impl
    return make(one["expect"])(
        **one["arguments"],
        description=f"{one['name']}: {one['because'] or one['expect']} ({one['then']})",
        severity=_SEVERITY[one["then"]],
        meta={"name": one["name"]},
    )


def refuse_untakeable(said: Sequence[OwnExpectation]) -> None:
    """Refuse expectations that Great Expectations does not take, which only it can say."""
    prepared()
    for one in said:
        try:
            expectation_of(one.model_dump())
        except ValueError as error:
            raise Refused(
                f"quality.expectations.{one.name}.arguments: {one.expect} does not take them "
                f"({why_refused(error)}): write them as Great Expectations describes them"
            ) from error


def why_refused(error: ValueError) -> str:
    """The sentences of an error of its arguments in one line."""
    told = getattr(error, "errors", None)
    return "; ".join(f"{one['msg']}" for one in told()) if told is not None else str(error)
