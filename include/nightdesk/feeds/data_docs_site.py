"""Data Docs: the pages that Great Expectations makes of its results, as files that need no network.

Its own templates fetch styles, scripts and a picture from five hosts on the internet. Here a page is what its
renderer says, with a style of its own, no script, and a rule that forbids the browser every request.
"""

from __future__ import annotations

import html
import re
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nightdesk.feeds.expectations import DESK_SUITE, Validation

INDEX = "index.html"

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --good: #18794e; --bad: #c0362c; --soft: #7a7f87; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem 1.5rem 4rem; font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: .4rem 0; } h5 { font-size: 1.1rem; margin: 1.4rem 0 .3rem; }
h6, .h6 { font-size: 1rem; margin: .8rem 0 .2rem; font-weight: 600; } a { color: #3b6fb6; }
table { border-collapse: collapse; margin: .3rem 0; } .table-responsive { overflow-x: auto; }
th { text-align: left; font-weight: 600; } thead th { color: var(--soft); font-size: .85em; }
td, th { padding: .3rem .9rem .3rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
td table td, td table th { border: 0; padding: .1rem .8rem .1rem 0; font-variant-numeric: tabular-nums; }
.text-success, .good { color: var(--good); } .text-danger, .bad { color: var(--bad); }
.text-warning { color: #a15c00; } .soft { color: var(--soft); }
.fa-check-circle::before { content: "✓"; } .fa-times::before { content: "✗"; }
.fa-exclamation-triangle::before { content: "!"; } i.fas { font-style: normal; font-weight: 700; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class DecisionValidations:
    """The results of one decision: what people call it, the folder of its pages, its instant (UTC), and a
    result a suite.
    """

    name: str
    folder: str
    as_of: datetime
    validations: Sequence[Validation]


def first_page(folder: str) -> str:
    """The page of the desk's suite in the folder of a decision, seen from that of the site."""
    return f"{folder}/{DESK_SUITE}.html"


def write_decision(site: Path, title: str, one: DecisionValidations) -> None:
    """Write the pages of one decision beside those that are there.

    Parameters
    ----------
    site : Path
        The folder of a book's site; it is made.
    title : str
        The book, for people.
    one : DecisionValidations
    """
    site.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = site / f".{one.folder}"
    shutil.rmtree(draft, ignore_errors=True)
    _write_pages(draft, title, one)
    _swap(draft, site / one.folder)


def write_index(site: Path, title: str, decisions: Iterable[DecisionValidations]) -> None:
    """Write the list of decisions, of those whose pages are there."""
    draft, there = site / f".{INDEX}", [one for one in decisions if (site / one.folder).is_dir()]
    _write(draft, _index(title, sorted(there, key=lambda one: one.as_of, reverse=True)))
    draft.replace(site / INDEX)


def is_site(folder: Path) -> bool:
    """Whether a folder holds Data Docs, or nothing: what may be replaced by a site."""
    there = [one for one in folder.iterdir() if one.name != INDEX] if folder.is_dir() else [folder]
    return all(one.is_dir() and all(page.suffix == ".html" for page in one.iterdir()) for one in there)


def build_site(site: Path, title: str, decisions: Iterable[DecisionValidations]) -> int:
    """Build a whole site anew: what is not among `decisions` is gone afterwards; how many pages it has.

    A reader sees the old site or the new one.
    """
    site.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = site.with_name(f".{site.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    pages = 0
    for one in (shown := tuple(decisions)):
        _write_pages(draft / one.folder, title, one)
        pages += len(one.validations)
    write_index(draft, title, shown)
    _swap(draft, site)
    return pages


def _write_pages(folder: Path, title: str, one: DecisionValidations) -> None:
    folder.mkdir(mode=0o700)
    links = [(one.suite, f"{one.suite}.html") for one in one.validations]
    for validation in one.validations:
        body = _rendered(validation, one)
        _write(
            folder / f"{validation.suite}.html",
            _page(f"{title}, {one.name}: {validation.suite}", links, body),
        )


def _swap(draft: Path, place: Path) -> None:
    if place.exists():
        old = place.with_name(f".{place.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
        draft.rename(place)
        shutil.rmtree(old)
    else:
        draft.rename(place)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _rendered(validation: Validation, decision: DecisionValidations) -> str:
    """The sections of a page as Great Expectations renders them."""
    from great_expectations.render import renderer, view

    from nightdesk.feeds.expectations import prepared

    prepared()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        makers: Any = renderer, view
        rendered = makers[0].ValidationResultsPageRenderer().render(_result_of(validation.document, decision))
        page: str = makers[1].DefaultJinjaPageView().render(rendered)
    return _cleaned(page)


def _result_of(document: Mapping[str, Any], decision: DecisionValidations) -> Any:
    """A result of Great Expectations from what is kept of it."""
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    results = [
        ExpectationValidationResult(
            success=one["success"],
            expectation_config=ExpectationConfiguration(**one["expectation_config"]),
            result=one["result"],
            meta=one.get("meta"),
            exception_info={"exception_message": None, "exception_traceback": None, **one["exception_info"]},
        )
        for one in document["results"]
    ]
    return ExpectationSuiteValidationResult(
        success=document["success"],
        results=results,
        suite_name=document["suite_name"],
        statistics=document["statistics"],
        meta={
            **document["meta"],
            "batch_spec": {},
            "run_id": RunIdentifier(run_name=decision.name, run_time=decision.as_of),
        },
    )


def _cleaned(page: str) -> str:
    """The sections of a page: no script, no link to other hosts, nothing that only a script would move."""
    begin = page.find('<div id="section-1"')
    end = page.rfind("<footer")
    body = page[begin : end if end > begin else len(page)]
    body = re.sub(r"<script\b.*?</script>", "", body, flags=re.DOTALL | re.IGNORECASE)
    body = re.sub(r"<(?:link|img|iframe|object|embed)\b[^>]*>", "", body, flags=re.IGNORECASE)
    body = re.sub(r'<a\b[^>]*data-toggle="collapse"[^>]*>.*?</a>', "", body, flags=re.DOTALL)
    body = re.sub(r'<a\b[^>]*href="\.\./[^>]*>(.*?)</a>', r"\1", body, flags=re.DOTALL)
    return re.sub(r"<br>\s*Data asset: None", "", re.sub(r"\n\s*\n+", "\n", body))


def _page(title: str, links: Sequence[tuple[str, str]], body: str) -> str:
    shown = " · ".join(f'<a href="{html.escape(to)}">{html.escape(name)}</a>' for name, to in links)
    back = f'<p class="soft"><a href="../{INDEX}">all decisions</a> · {shown}</p>'
    return _whole(title, f"{back}\n{body}")


def _index(title: str, decisions: Sequence[DecisionValidations]) -> str:
    rows = [_row(one, result) for one in decisions for result in one.validations]
    head = "<tr><th>Decision</th><th>Suite</th><th>Expectations</th><th>Outcome</th></tr>"
    words = "What Great Expectations says of the data of the newest decisions, newest first."
    return _whole(
        title, f'<p class="soft">{words}</p>\n<table><thead>{head}</thead>\n' + "\n".join(rows) + "</table>"
    )


def _row(one: DecisionValidations, result: Validation) -> str:
    name, suite = html.escape(one.name), html.escape(result.suite)
    failed = f"{_statistic(result, 'unsuccessful_expectations')} not met"
    colour, outcome = ("good", "all met") if result.success else ("bad", failed)
    return (
        f'<tr><td>{name}</td><td><a href="{html.escape(one.folder)}/{suite}.html">{suite}</a></td>'
        f"<td>{_statistic(result, 'evaluated_expectations')}</td>"
        f'<td class="{colour}">{outcome}</td></tr>'
    )


def _statistic(result: Validation, name: str) -> str:
    return html.escape(str(result.document["statistics"][name]))


def _whole(title: str, body: str) -> str:
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{name}: Data Docs</h1>\n{body}\n</body>\n</html>\n"
    )
