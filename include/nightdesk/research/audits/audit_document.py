"""What an audit of a book has shown: as a document, as evidence, and in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nightdesk.research.audits.book_audit import BookAudit
from nightdesk.research.audits.differences import RunDifference, TracedCause


def audit_document(found: BookAudit) -> dict[str, Any]:
    """All of an audit, every difference included."""
    ahead, warm = found.look_ahead, found.warm_up
    document: dict[str, Any] = {
        "book": found.start.book.name,
        "from": found.start.inception,
        "to": found.start.last,
        "origin": found.start.origin,
        "sources": dict(found.market.sources),
        "passed": found.passed,
        "look_ahead": None,
        "warm_up": None,
        "notes": list(found.notes),
    }
    if ahead is not None:
        document["look_ahead"] = {
            "passed": ahead.passed and not found.read_differences,
            "orders": ahead.orders,
            "cuts": [
                {
                    "last": one.last,
                    "rows": one.rows,
                    "decisions": one.decisions,
                    "passed": one.passed,
                    "cause": _cause(one.cause),
                    "differences": [_difference(each) for each in one.differences],
                }
                for one in ahead.cuts
            ],
            "read_again_until": found.read_until,
            "read_again": [_difference(one) for one in found.read_differences],
        }
    if warm is not None:
        document["warm_up"] = {
            "passed": warm.passed,
            "judged": warm.judged,
            "declared": warm.declared,
            "needed": warm.needed,
            "starts": [
                {
                    "session": one.session,
                    "history": one.history,
                    "needed": one.needed,
                    "enough": one.enough,
                    "cause": _cause(one.cause),
                    "differences": [_difference(each) for each in one.differences],
                }
                for one in warm.starts
            ],
            "factors": [
                {
                    "factor": one.name,
                    "declared": one.declared,
                    "needed": one.needed,
                    "symbol": one.symbol,
                    "passed": one.passed,
                }
                for one in warm.factors
            ],
        }
    return document


def _cause(cause: TracedCause | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "decision": _difference(cause.decision),
        "source": _difference(cause.source),
        "words": cause.words,
    }


def _difference(one: RunDifference) -> dict[str, Any]:
    return {
        "stage": one.stage.name.lower(),
        "name": one.name,
        "detail": one.detail,
        "session": one.session,
        "as_of": f"{one.as_of:%Y-%m-%dT%H:%M:%SZ}",
        "symbol": one.symbol,
        "whole": one.whole,
        "cut": one.cut,
        "cells": one.cells,
    }


def audit_figures(found: BookAudit) -> dict[str, Any]:
    """The outcome as evidence keeps it: numbers and words by name."""
    figures: dict[str, Any] = {
        "passed": found.passed,
        "from": str(found.start.inception),
        "to": str(found.start.last),
        "sources": sorted(found.market.sources),
    }
    ahead, warm = found.look_ahead, found.warm_up
    if ahead is not None:
        first = ahead.first
        figures |= {
            "look_ahead_passed": ahead.passed and not found.read_differences,
            "look_ahead_cuts": len(ahead.cuts),
            "look_ahead_decisions": sum(one.decisions for one in ahead.cuts),
            "look_ahead_orders": ahead.orders,
            "look_ahead_first": first.words if first is not None else "",
            "read_again_differences": len(found.read_differences),
        }
    if warm is not None:
        figures |= {
            "warm_up_passed": warm.passed,
            "warm_up_declared": warm.declared,
            "warm_up_needed": warm.needed,
            "warm_up_short_factors": [one.name for one in warm.factors if not one.passed],
        }
    return figures


def audit_lines(found: BookAudit) -> Iterator[str]:
    """An audit as people read it."""
    start = found.start
    verdict = "passed" if found.passed else "FAILED"
    yield f"audit of {start.book.name} from {start.inception} to {start.last}: {verdict}"
    yield from found.notes
    if found.look_ahead is not None:
        yield ""
        yield from _look_ahead_lines(found)
    if found.warm_up is not None:
        yield ""
        yield from _warm_up_lines(found)


def _look_ahead_lines(found: BookAudit) -> Iterator[str]:
    ahead = found.look_ahead
    assert ahead is not None
    cuts = f"bars that end at {len(ahead.cuts)} sessions"
    yield f"look-ahead: {cuts}, beside all of them ({ahead.orders:,} orders)"
    for one in ahead.cuts:
        told = "the same" if one.passed else f"{len(one.differences)} things differ"
        yield f"  until {one.last}: {one.rows:,} rows of the market, {one.decisions:,} decisions: {told}"
        if not one.passed:
            yield f"    {one.words}"
            yield from (f"    leak: {name}" for name in one.leaks)
    if found.read_until is not None:
        told = "the same" if not found.read_differences else f"{len(found.read_differences)} things differ"
        yield f"  bars and universe read up to {found.read_until} alone: {told}"
        yield from (f"    {one.words}" for one in found.read_differences)


def _warm_up_lines(found: BookAudit) -> Iterator[str]:
    warm = found.warm_up
    assert warm is not None
    needs = "more than there is" if warm.needed is None else f"{warm.needed:,}"
    yield f"warm-up: {warm.declared:,} sessions before the first decision are declared, {needs} are needed"
    if not warm.judged:
        yield "  NOT JUDGED: no beginning has more history than is declared; choose a later span"
    for start in warm.starts:
        needed = "all" if start.needed is None else f"{start.needed:,}"
        verdict = "" if start.enough else ": FAILED"
        yield f"  {start.session}: needs {needed} of {start.history:,} sessions{verdict}"
        if start.cause is not None:
            fewer = "with one fewer" if start.enough else "with those declared"
            yield f"    {fewer}: {start.cause.words}"
    short = [one for one in warm.factors if not one.passed]
    good = len(warm.factors) - len(short)
    yield f"  {good} of {len(warm.factors)} factors are the same from their look-back on"
    for one in short:
        needed = "more than there is" if one.needed is None else f"{one.needed:,}"
        yield f"    {one.name} declares {one.declared:,} and needs {needed} ({one.symbol} differs): FAILED"
