"""What the tests of a version of the code have shown: from the file of a test run to a row of evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from nightdesk.core.documents import read_bytes
from nightdesk.core.errors import Refused
from nightdesk.store.code_rows import package_of
from nightdesk.store.db import Connection
from nightdesk.store.gate_evidence_rows import keep_evidence
from nightdesk.version import code_version

#: A run of all tests leaves less than this.
MOST_BYTES = 64 * 2**20

#: Folders of tests that must have been run, by what they are of: each must hold a test that passed.
GROUPS = {
    "data_checks": ("feeds", "session", "core"),
    "persistence": ("store", "session", "parity", "matrices"),
}

#: What a run of all tests may leave out: nothing, or what takes long.
MARKERS = ("", "not slow and not browser")

#: Folders without which a run is only a part of the tests.
WHOLE = ("accounting", "brokers", "cli", "core", "engine", "feeds", "operations", "risk", "session", "store")


def record_tests(conn: Connection, file: Path) -> tuple[int, dict[str, Any]]:
    """Keep what a run of the tests has shown of the code that is at work here.

    Parameters
    ----------
    conn : Connection
    file : Path
        JUnit XML, as `make test` leaves it.

    Returns
    -------
    int, dict
        The number of the evidence, and what it says.

    Raises
    ------
    Refused
        When it is no such file, or of other code, or of a part of the tests: nothing is kept.
    """
    figures = read_tests(file)
    own = package_of(code_version())
    if figures["code_version"] != own:
        raise Refused(
            f"{file}: it is of code {figures['code_version']}, and this is {own}: run `make test` here and "
            "take what that leaves"
        )
    return keep_evidence(conn, "", "code", "", own, figures), figures


def read_tests(file: Path) -> dict[str, Any]:
    """The figures of a test run: code_version, tests, failed, skipped, green, data_checks, persistence."""
    suite = _suite(file)
    said = {one.get("name", ""): one.get("value", "") for one in suite.iter("property")}
    if not said.get("code_version"):
        raise Refused(f"{file}: it does not name the code that was tested: take the file of `make test`")
    marker = said.get("marker", "")
    if said.get("part") or marker not in MARKERS:
        part = said.get("part") or f"-m {marker}"
        raise Refused(f"{file}: it is of a part of the tests ({part}): run `make test`, which runs them all")
    outcomes = _outcomes(suite)
    passed = {folder for folder, found in outcomes.items() if found["passed"]}
    lacking = [folder for folder in WHOLE if folder not in passed]
    total: Counter[str] = Counter()
    for found in outcomes.values():
        total.update(found)
    if lacking and not total["failed"]:
        raise Refused(
            f"{file}: no test of {', '.join(lacking)} has passed in it, so it is of a part of the tests: run "
            "`make test`, which runs them all"
        )
    green = not total["failed"] and not lacking
    return {
        "code_version": said["code_version"],
        "tests": total["passed"] + total["failed"],
        "failed": total["failed"],
        "skipped": total["skipped"],
        "without": marker,
        "green": green,
        **{name: _are_green(outcomes, folders) for name, folders in GROUPS.items()},
    }


def _are_green(outcomes: Mapping[str, Counter[str]], folders: tuple[str, ...]) -> bool:
    found = [outcomes.get(folder, Counter()) for folder in folders]
    return all(one["passed"] and not one["failed"] for one in found)


def _outcomes(suite: Element) -> dict[str, Counter[str]]:
    """How many tests passed, failed and were skipped, by folder of tests."""
    found: dict[str, Counter[str]] = {}
    for case in suite.iter("testcase"):
        parts = case.get("classname", "").split(".")
        folder = parts[1] if len(parts) > 1 and parts[0] == "tests" else ""
        kinds = {one.tag for one in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        found.setdefault(folder, Counter())[outcome] += 1
    return found


def _suite(file: Path) -> Element:
    from xml.etree.ElementTree import ParseError, XMLParser

    text = read_bytes(file, MOST_BYTES, "a file of tests")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise Refused(f"{file}: a file of tests declares no entities: take the file of `make test`")
    parser = XMLParser()
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError as error:
        raise Refused(f"{file}: no JUnit XML ({error}): take the file of `make test`") from error
    if root.tag not in ("testsuites", "testsuite"):
        raise Refused(f"{file}: found <{root.tag}>, expected <testsuites>: take the file of `make test`")
    return root
