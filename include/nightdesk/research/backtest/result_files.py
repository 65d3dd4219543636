"""A backtest's outcome as files: a CSV or a Parquet file per table, `metrics.json`, and its tear sheet.

Most of a table can be written while the sessions after it are still decided: forked processes do so, since
the walk itself uses one processor alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from nightdesk.core.errors import Refused
from nightdesk.research.backtest.draft_folder import draft_of
from nightdesk.research.backtest.forked_work import CAN_FORK, ForkedWork, interrupts_held
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.run import Result, uncollected
from nightdesk.research.backtest.table_files import append_csv, append_rows, rows_to_parquet, write_parquet
from nightdesk.research.backtest.tables import GROWING, TABLES

Format = Literal["csv", "parquet"]

FIGURES, SHEET = "metrics.json", "tearsheet.html"
#: Decisions whose rows are made at a time.
AT_ONCE = 128
#: What is known before the walk where no strategy speaks in turn, and what is known after it alone; the
#: longest first.
EARLY, LATE = ("signals",), ("trades", "form_8949", "risk_events", "pairs")


@contextmanager
def result_files(folder: Path, file_format: Format = "csv", processes: int = 1) -> Iterator[ResultFiles]:
    """The files of a backtest that is still to be walked; they appear in `folder` when the body ends.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    file_format : str
        "csv" or "parquet": that of the tables. The figures are JSON.
    processes : int
        With more than one, forked processes write beside the walk where the system can fork; that is for
        a process without threads of its own. The bytes do not depend on it.

    Raises
    ------
    Refused
        When the folder or a file cannot be written, or a process that writes dies. `folder` is then as it
        was, as after any other error.
    """
    names = (*(f"{name}.{file_format}" for name in TABLES), FIGURES, SHEET)
    with draft_of(folder, names) as draft:
        files = ResultFiles(draft, file_format, beside=processes > 1 and CAN_FORK)
        try:
            yield files
        finally:
            files.stop()


def write_result(
    result: Result,
    folder: Path,
    figures: Mapping[str, object] | None = None,
    file_format: Format = "csv",
) -> None:
    """Write the tables and the figures into `folder`; the same result gives the same bytes.

    `figures` are `metrics` of the result, where they were made before; for all else see `result_files`.
    """
    with result_files(folder, file_format) as files:
        files.finish(result, metrics(result) if figures is None else figures)


class ResultFiles:
    """Files of a backtest in the making; see `result_files`."""

    def __init__(self, draft: Path, file_format: Format, *, beside: bool) -> None:
        self._draft, self._format, self._beside = draft, file_format, beside
        self._at_work: list[ForkedWork[None]] = []
        self._begun = 0

    def follow(self, result: Result) -> None:
        """Have written what was decided so far, beside what comes next, unless the last time is not over."""
        if not self._beside or not all(one.ended for one in self._at_work):
            return
        self._wait()
        known = len(result.decided) - 1  # what becomes of the last one's orders is not known
        if known > self._begun:
            early, growing = _order(result)
            early = () if self._begun else early
            self._begin(partial(self._grow, result, early, growing, result.part(self._begun, known)))
            self._begun = known

    def finish(self, result: Result, figures: Mapping[str, object], sheet: str = "") -> None:
        """Write all that is left of the whole backtest, with the page that was made of it, if any."""
        with uncollected():
            if self._begun:
                self._finish_beside(result)
            else:
                early, growing = _order(result)
                self._write(result, *early, *LATE)
                self._complete(result, growing)
        text = json.dumps(figures, indent=2, allow_nan=False)
        for name, words in ((FIGURES, text + "\n"), (SHEET, sheet)):
            if words:
                with self._telling(name) as path:
                    path.write_text(words, encoding="utf-8")

    def _finish_beside(self, result: Result) -> None:
        """The same, where some is written or still being written by another process."""
        free = all(one.ended for one in self._at_work)
        if free:
            self._begin(partial(self._write, result, *LATE[:1]))
        self._write(result, *LATE[free:])
        self._wait()
        rest, (_, growing) = result.part(self._begun, len(result.decided)), _order(result)
        few = len(rest.decided) == 1 and self._format == "csv"
        if not few:
            self._begin(partial(self._complete, rest, growing[::2]))
        self._complete(rest, growing if few else growing[1::2])
        self._wait()

    def stop(self) -> None:
        """End all that still writes."""
        for one in self._at_work:
            one.stop()

    def _begin(self, work: Callable[[], None]) -> None:
        with interrupts_held():  # a process that was begun is known to `stop`
            self._at_work.append(ForkedWork(work))

    def _wait(self) -> None:
        for one in self._at_work:
            one.wait()
        self._at_work.clear()

    def _write(self, result: Result, *names: str) -> None:
        """Write whole tables."""
        write = append_csv if self._format == "csv" else write_parquet
        for name in names:
            columns = _columns(result, name)
            with self._telling(f"{name}.{self._format}") as path:
                write(path, columns, TABLES[name](result))

    def _grow(self, result: Result, early: Sequence[str], growing: Sequence[str], part: Result) -> None:
        """Write what is known early of the whole, and append a part to tables."""
        self._write(result, *early)
        self._append(part, growing)

    def _append(self, part: Result, names: Sequence[str]) -> None:
        append = append_csv if self._format == "csv" else append_rows
        ending = "csv" if self._format == "csv" else "rows"
        size = len(part.decided)
        for first in range(0, size, AT_ONCE):
            some = part.part(first, min(first + AT_ONCE, size))
            for name in names:
                columns = _columns(part, name)
                with self._telling(f"{name}.{ending}") as path:
                    append(path, columns, TABLES[name](some))

    def _complete(self, rest: Result, names: Sequence[str]) -> None:
        """Append the last part to tables."""
        self._append(rest, names)
        if self._format == "parquet":
            for name in names:
                with self._telling(f"{name}.parquet") as path:
                    rows_to_parquet(path.with_suffix(".rows"), path)

    @contextmanager
    def _telling(self, name: str) -> Iterator[Path]:
        """The path of a file in the draft; an error of the system is told of its place in the folder."""
        try:
            yield self._draft / name
        except OSError as error:
            where = self._draft.parent / name
            raise Refused(
                f"{where} cannot be written: {error.strerror or error}. No file of this backtest was kept: "
                "make room there, or name another folder"
            ) from error


def _order(result: Result) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tables that are known before the walk, and those that grow with it."""
    return ((), (*EARLY, *GROWING)) if result.desk.in_turn else (EARLY, GROWING)


def _columns(result: Result, table: str) -> tuple[str, ...]:
    """The columns of a table of the result's book."""
    desk = result.desk
    return columns_of(
        table,
        hourly=result.hourly,
        bundles=desk.has_bundles,
        accounts=len(desk.accounts) > 1,
        figures=table in desk.tables_with_figures,
    )
