"""The quality checks of one session as a Great Expectations suite.

The suite follows from `nightdesk.feeds.checks.CHECKS`: the table it validates has one row a symbol and one
for the whole book, and one column a check with what was measured.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.book import Quality as Limits
from nightdesk.errors import Refused
from nightdesk.feeds.checks import CHECKS, Check, Finding
from nightdesk.feeds.quality import Quality

if TYPE_CHECKING:
    import pandas as pd


def session_frame(quality: Quality, t: int) -> pd.DataFrame:
    """What was measured at session `t`, NaN where nothing was.

    Column `symbol`, one column a check, and after a check whose limit differs by symbol its limits.
    """
    import pandas as pd

    columns: dict[str, Any] = {"symbol": list(quality.row_names)}
    for check in CHECKS:
        columns[check.name] = quality.values[check.name][t]
        if check.limit is None:
            columns[_limit_column(check)] = quality.limit(check, t)
    return pd.DataFrame(columns)


def judge(frame: pd.DataFrame, limits: Limits) -> list[Finding]:
    """Validate the table of one session, all expectations at once.

    Parameters
    ----------
    frame : DataFrame
        As `session_frame` makes it.
    limits : nightdesk.book.Quality
        The limits of the book.

    Returns
    -------
    list of Finding
        In the order of `Quality.findings`, and equal to it.

    Raises
    ------
    Refused
        When the table has other columns, or a symbol twice.
    """
    results = _validate(frame, limits)
    for name in ("columns", "symbols"):
        if not results[name]["success"]:
            raise Refused(f"the table of the quality checks is malformed ({name}): {results[name]['result']}")
    out = []
    for check in CHECKS:
        failed = set(results[check.name]["result"].get("unexpected_index_list") or ())
        value = frame[check.name].to_numpy()
        limit = (
            frame[_limit_column(check)].to_numpy()
            if check.limit is None
            else np.full(len(frame), float(check.limit(limits)))
        )
        for n in np.flatnonzero(np.isfinite(value)):
            outcome = check.consequence.value if int(n) in failed else "pass"
            symbol = str(frame["symbol"].iloc[n])
            out.append(Finding(check.name, symbol, float(value[n]), float(limit[n]), outcome))
    return out


def _validate(frame: pd.DataFrame, limits: Limits) -> dict[str, Any]:
    """Results by the name of the check, `columns` and `symbols`."""
    # At INFO it tells of its own fields and folders, and buries what a task says of itself.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)

    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It gives this one a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    expectations: Any = gx.expectations
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        batch = (
            context.data_sources.add_pandas("measured")
            .add_dataframe_asset("session")
            .add_batch_definition_whole_dataframe("all")
            .get_batch({"dataframe": frame})
        )
        suite = gx.ExpectationSuite(
            name="quality",
            expectations=[
                expectations.ExpectTableColumnsToMatchOrderedList(
                    column_list=["symbol", *_columns()], meta={"check": "columns"}
                ),
                expectations.ExpectColumnValuesToBeUnique(column="symbol", meta={"check": "symbols"}),
                *(_expectation(expectations, check, limits) for check in CHECKS),
            ],
        )
        outcome: Any = batch.validate(suite, result_format="COMPLETE")
    return {
        one.expectation_config.meta["check"]: {"success": one.success, "result": one.result}
        for one in outcome.results
    }


def _columns() -> list[str]:
    """The columns of the table but the first, in order."""
    return [
        name
        for check in CHECKS
        for name in ((check.name,) if check.limit is not None else (check.name, _limit_column(check)))
    ]


def _limit_column(check: Check) -> str:
    return f"{check.name}_limit"


def _expectation(expectations: Any, check: Check, limits: Limits) -> Any:
    if check.limit is None:
        return expectations.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=_limit_column(check),
            column_B=check.name,
            or_equal=not check.reaching_fails,
            ignore_row_if="either_value_is_missing",
            meta={"check": check.name},
        )
    return expectations.ExpectColumnValuesToBeBetween(
        column=check.name,
        max_value=float(check.limit(limits)),
        strict_max=check.reaching_fails,
        meta={"check": check.name},
    )
