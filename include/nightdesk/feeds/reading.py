"""The columns of a file as arrow arrays: quickly where their cells are plain, as text where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightdesk.core.errors import Refused
from nightdesk.feeds.cells import as_texts
from nightdesk.feeds.opening import Head, open_stream, read_json, unreadable
from nightdesk.feeds.stamps import form_of


def read_columns(
    head: Head, columns: Mapping[str, str], types: Mapping[str, Any], empty: tuple[str, ...] = ()
) -> tuple[Any, int]:
    """Columns of a file under other names.

    Parameters
    ----------
    head : Head
    columns : mapping of str to str
        The file's names of the columns that are wanted, by the names that they get.
    types : mapping of str to arrow type
        How columns of a text are tried to be read, those that are not named as text. Where a cell does not
        fit, all columns come as text.
    empty : tuple of str
        Cells of a text that hold no value, beside the empty one.

    Returns
    -------
    table : pyarrow.Table
    footers : int
        Lines of words under the rows, which are left out.

    Raises
    ------
    Refused
        When the file cannot be read, or a line has not as many fields as the header.
    """
    import pyarrow as pa

    try:
        if head.kind == "parquet":
            return _read_parquet(head, columns), 0
        if head.kind == "json":
            return _read_json(head, columns), 0
        return _read_text(head, columns, types, empty)
    except (OSError, EOFError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise unreadable(head.path, error) from error


def _read_parquet(head: Head, columns: Mapping[str, str]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_stream(head.path) as stream:
        table = pq.read_table(pa.BufferReader(stream.read()), columns=list(columns.values()))
    return table.select(list(columns.values())).rename_columns(list(columns))


def _read_json(head: Head, columns: Mapping[str, str]) -> Any:
    import pyarrow as pa

    _, rows, _, _ = read_json(head.path)
    out = {}
    for name, called in columns.items():
        cells = [row.get(called) for row in rows]
        numbers = all(
            one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in cells
        )
        whole = all(isinstance(one, int) for one in cells)
        kind = pa.int64() if whole and name == "day" else pa.float64() if numbers else pa.string()
        if name in ("symbol", "source"):
            kind = pa.string()
        out[name] = pa.chunked_array([pa.array(as_texts(cells) if kind == pa.string() else cells, kind)])
    return pa.table(out)


def _read_text(
    head: Head, columns: Mapping[str, str], types: Mapping[str, Any], empty: tuple[str, ...]
) -> tuple[Any, int]:
    import pyarrow as pa

    try:
        table = _parse(head, columns, {name: types.get(name) or pa.string() for name in columns}, empty)
        return table, 0
    except pa.ArrowInvalid as quick:
        odd: list[Any] = []
        try:
            table = _parse(head, columns, dict.fromkeys(columns, pa.string()), empty, odd)
        except pa.ArrowInvalid:
            raise Refused(f"{head.path}: {quick}: give every line as many fields as the header") from quick
        return _without_footers(head, table, odd, quick)


def _parse(
    head: Head, columns: Mapping[str, str], types: Mapping[str, Any], empty: tuple[str, ...], odd: Any = None
) -> Any:
    """The wanted columns of a text; lines with too few or too many fields go to `odd`, where it is given."""
    from pyarrow import csv

    def put_aside(line: Any) -> str:
        odd.append(line)
        return "skip"

    # columns are numbered: a header may give one name to several that nobody asks for
    numbered = {name: f"{head.columns.index(called)}" for name, called in columns.items()}
    with open_stream(head.path) as stream:
        table = csv.read_csv(
            stream,
            read_options=csv.ReadOptions(
                column_names=[str(at) for at in range(len(head.columns))],
                skip_rows=head.first_line - 1,
                encoding=head.encoding.removesuffix("-sig"),
                use_threads=odd is None,
            ),
            parse_options=csv.ParseOptions(
                delimiter=head.delimiter, invalid_row_handler=None if odd is None else put_aside
            ),
            convert_options=csv.ConvertOptions(
                column_types={numbered[name]: kind for name, kind in types.items()},
                include_columns=list(numbered.values()),
                null_values=["", *empty],
                strings_can_be_null=True,
            ),
        )
    return table.rename_columns(list(columns))


def _without_footers(head: Head, table: Any, odd: list[Any], quick: Exception) -> tuple[Any, int]:
    """The rows without words that stand under them; `Refused` for any other line unlike the header."""
    after = head.first_line + table.num_rows
    for line in odd:
        if line.number is None or line.number < after or not _is_words(line.text, head.delimiter):
            where = "" if line.number is None else f", line {line.number}"
            raise Refused(
                f"{head.path}{where}: found {line.actual_columns} fields, expected {line.expected_columns}: "
                "give every line as many fields as the header"
            ) from quick
    footers = len(odd)
    while table.num_rows > 1 and "day" in table.column_names and _is_footer(table.slice(table.num_rows - 1)):
        table = table.slice(0, table.num_rows - 1)
        footers += 1
    return table, footers


def _is_words(text: str, delimiter: str) -> bool:
    first = text.split(delimiter)[0].strip().strip('"')
    return not first[:1].isdigit() and " " in first and any(one.isalpha() for one in first)


def _is_footer(row: Any) -> bool:
    """Whether a row of text has no day and no price."""
    cells = {name: column[0].as_py() for name, column in zip(row.column_names, row.columns, strict=True)}
    prices = [cells.get(name) for name in ("open", "high", "low", "close")]
    words = cells["day"]
    return words is not None and form_of(words.strip()) is None and not any(prices) and _is_words(words, "\0")
