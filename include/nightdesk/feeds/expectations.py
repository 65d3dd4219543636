"""The quality checks of one session as a Great Expectations suite.

The table that it validates is long: one row for each check of `nightdesk.feeds.checks.CHECKS` and each symbol
(and the whole book), with what was measured and the limit that holds there. So one expectation covers them
all, and the suite costs the same however many checks there are.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.feeds.checks import CHECKS, Finding
from nightdesk.feeds.quality import Quality

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["symbol", "check", "value", "limit", "allowed"]


def session_frame(quality: Quality, t: int) -> pd.DataFrame:
    """What was measured at session `t`, check by check and symbol by symbol.

    Columns `symbol`, `check`, `value` (NaN where nothing could be measured), `limit`, and `allowed`: the
    largest value that passes, which is the limit, or the next number below it where reaching it fails.
    """
    import pandas as pd

    limits = [quality.limit(check, t) for check in CHECKS]
    allowed = [
        np.nextafter(limit, -np.inf) if check.reaching_fails else limit
        for check, limit in zip(CHECKS, limits, strict=True)
    ]
    return pd.DataFrame(
        {
            "symbol": np.tile(quality.row_names, len(CHECKS)),
            "check": np.repeat([check.name for check in CHECKS], len(quality.row_names)),
            "value": np.concatenate([quality.value(check, t) for check in CHECKS]),
            "limit": np.concatenate(limits),
            "allowed": np.concatenate(allowed),
        }
    )


def judge(frame: pd.DataFrame) -> list[Finding]:
    """Validate the table of one session.

    Parameters
    ----------
    frame : DataFrame
        As `session_frame` makes it.

    Returns
    -------
    list of Finding
        In the order of `Quality.findings`, and equal to it.

    Raises
    ------
    Refused
        When the table has other columns, lacks a check, or has one of a symbol twice.
    """
    results = _validate(frame)
    for name in ("columns", "checks", "symbols"):
        if not results[name]["success"]:
            raise Refused(f"the table of the quality checks is malformed ({name}): {results[name]['result']}")
    failed = set(results["values"]["result"].get("unexpected_index_list") or ())
    consequence = {check.name: check.consequence.value for check in CHECKS}
    checks, symbols = [str(one) for one in frame["check"]], [str(one) for one in frame["symbol"]]
    values, limits = frame["value"].to_numpy(dtype=float), frame["limit"].to_numpy(dtype=float)
    out = []
    for n in map(int, np.flatnonzero(np.isfinite(values))):
        outcome = consequence[checks[n]] if n in failed else "pass"
        out.append(Finding(checks[n], symbols[n], float(values[n]), float(limits[n]), outcome))
    return out


def _validate(frame: pd.DataFrame) -> dict[str, Any]:
    """Results by what was expected: `columns`, `checks`, `symbols` and `values`."""
    # At INFO it tells of its own fields and folders, and buries what a task says of itself.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)

    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It gives this one a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    expected: Any = gx.expectations
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
                expected.ExpectTableColumnsToMatchOrderedList(
                    column_list=_COLUMNS, meta={"expects": "columns"}
                ),
                expected.ExpectColumnDistinctValuesToEqualSet(
                    column="check", value_set=[check.name for check in CHECKS], meta={"expects": "checks"}
                ),
                expected.ExpectCompoundColumnsToBeUnique(
                    column_list=["symbol", "check"], meta={"expects": "symbols"}
                ),
                expected.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="allowed",
                    column_B="value",
                    or_equal=True,
                    ignore_row_if="either_value_is_missing",
                    meta={"expects": "values"},
                ),
            ],
        )
        outcome: Any = batch.validate(suite, result_format="COMPLETE")
    return {
        one.expectation_config.meta["expects"]: {"success": one.success, "result": one.result}
        for one in outcome.results
    }
