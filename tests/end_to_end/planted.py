"""Secrets that a test planted, and the search for them in all that a desk wrote, keeps and answers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

from nightdesk.machine.transport import Rest
from nightdesk.store.db import Connection

#: How texts are written within others.
_WRITERS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: repr(text)[1:-1],
    lambda text: json.dumps(text)[1:-1],
    escape,
    quote,
    partial(quote, safe=""),
    quote_plus,
    lambda text: re.sub("%..", lambda byte: byte[0].lower(), quote(text, safe="")),
)


class Planted:
    """Secrets by name, and every form in which they could stand in a text.

    Parameters
    ----------
    secrets : mapping of str to str
        What was planted. A form has at least eight characters, so that chance does not find one.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms = {name: frozenset(_forms(secret)) for name, secret in secrets.items()}
        assert all(len(form) >= 8 for forms in self._forms.values() for form in forms)

    def found_in(self, text: str) -> set[str]:
        """Names of the secrets that stand in a text, in whatever form."""
        return {name for name, forms in self._forms.items() if any(form in text for form in forms)}

    def places(self, texts: Iterable[tuple[str, str]]) -> list[str]:
        """Where something was found, as ``secret: place``; the words around it are shown."""
        found = []
        for place, text in texts:
            for name in sorted(self.found_in(text)):
                at = min(text.find(form) for form in self._forms[name] if form in text)
                found.append(f"{name}: {place}: ...{text[max(0, at - 120) : at + 60]!r}")
        return found


def files_of(*folders: Path) -> Iterator[tuple[str, str]]:
    """Every file under some folders, byte for byte."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield str(path), path.read_bytes().decode(errors="backslashreplace")


def tables_of(connection: Connection) -> Iterator[tuple[str, str]]:
    """Every table of a database, each column of each row as text; bytes are decoded."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(nspname) || '.' || quote_ident(relname), "
            "(SELECT string_agg(CASE WHEN atttypid = 'bytea'::regtype "
            "THEN format('encode(%I, ''escape'')', attname) ELSE quote_ident(attname) END, ', ') "
            "FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE relkind IN ('r', 'p', 'm') AND nspname NOT LIKE 'pg\\_%%' "
            "AND nspname <> 'information_schema'"
        )
        for table, columns in cursor.fetchall():
            cursor.execute(f"SELECT row({columns})::text FROM {table}")
            yield table, "\n".join(row for (row,) in cursor.fetchall())


def answers_of(rest: Rest) -> Iterator[tuple[str, str]]:
    """What Airflow's server answers to whoever may read everything; of each DAG's runs one in each state.

    What it would say of the other runs comes from the same files and tables, which are searched whole.
    """
    for path in ("connections", "variables", "eventLogs", "importErrors", "pools", "plugins"):
        yield from _answer(rest, path)
    for dag in rest.pages("dags", "dags"):
        dag_id = dag["dag_id"]
        yield from _answer(rest, f"dags/{dag_id}/details")
        yield from _answer(rest, f"dagSources/{dag_id}")
        yield from _answer(rest, f"dags/{dag_id}/tasks")
        runs = {run["state"]: run for run in rest.pages(f"dags/{dag_id}/dagRuns", "dag_runs")}
        for run in runs.values():
            of_run = f"dags/{dag_id}/dagRuns/{quote(run['dag_run_id'])}"
            yield of_run, json.dumps(run)
            for task in rest.pages(f"{of_run}/taskInstances", "task_instances"):
                of_task = f"{of_run}/taskInstances/{task['task_id']}"
                # With its rendered templates.
                yield of_task, json.dumps(task)
                yield from _answer(rest, f"{of_task}/xcomEntries/return_value")
                for number in range(1, task["try_number"] + 1):
                    yield from _answer(rest, f"{of_task}/tries/{number}")
                    yield from _answer(rest, f"{of_task}/logs/{number}")


def _answer(rest: Rest, path: str) -> Iterator[tuple[str, str]]:
    """The answer to a path; of a list, page after page."""
    offset, total = 0, 1
    while offset < total:
        query = {"limit": "100", "offset": str(offset)}
        answer = rest.send("GET", path, missing_is_none=True, query=query) or {}
        yield path, json.dumps(answer, ensure_ascii=False)
        total = answer.get("total_entries") or 0
        offset += 100


def _forms(secret: str) -> Iterator[str]:
    yield from (outer(inner(secret)) for outer in _WRITERS for inner in _WRITERS)
    # Within something longer it begins at any of three places of a group; its ends depend on the neighbours.
    for before in range(3):
        whole = base64.b64encode(b"x" * before + secret.encode()).decode().rstrip("=")
        inner = whole[4 if before else 0 : len(whole) - 2]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))
