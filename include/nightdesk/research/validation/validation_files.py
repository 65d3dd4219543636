"""The files of a validation: the same inputs give the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nightdesk.research.validation.candidate_sets import CandidateSets
from nightdesk.research.validation.luck_verdict import LuckVerdict
from nightdesk.research.validation.validation_document import window_row
from nightdesk.research.validation.validation_picture import draw_validation

#: Beside ``validation.json``, which whoever asked writes.
FILES = ("walk_forward.csv", "out_of_sample.csv", "bands.csv", "validation.svg")


def write_validation(folder: Path, sets: CandidateSets, found: LuckVerdict) -> None:
    """Write `FILES` into a folder that is there.

    ``walk_forward.csv`` has a row a window; ``out_of_sample.csv`` a row a session, with the returns of the
    walk and of each path; ``bands.csv`` likewise, with what 1 becomes by the judged set and its bands.
    """
    rows = [window_row(sets, one) for one in found.walk.windows]
    _write(folder / "walk_forward.csv", list(rows[0]), (row.values() for row in rows))
    paths = found.folds.paths
    walked = np.full(paths.shape[1], np.nan)
    walked[-len(found.walk.returns) :] = found.walk.returns
    heads = ["session", "walk_forward", *(f"path_{n + 1}" for n in range(len(paths)))]
    _write(folder / "out_of_sample.csv", heads, zip(sets.sessions, walked, *paths, strict=True))
    own = np.cumprod(1.0 + sets.returns[:, sets.judged])
    bands = (band[1:] for band in found.of_returns.course)
    _write(
        folder / "bands.csv",
        ["session", "judged", "low", "middle", "high"],
        zip(sets.sessions, own, *bands, strict=True),
    )
    (folder / "validation.svg").write_text(draw_validation(sets, found), encoding="utf-8")


def _write(path: Path, heads: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows([_cell(one) for one in row] for row in rows)


def _cell(value: Any) -> Any:
    """A number as it is, nothing for what is none."""
    if isinstance(value, float):
        return "" if np.isnan(value) else repr(float(value))
    return value
