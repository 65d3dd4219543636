"""The XML of IBKR's activity queries: the statements of an account, and the rows of their sections, checked.

A row's numbers and dates are read by ibflex. What it enumerates (types of trades and of cash) stays text
here: it refuses a whole statement for a word that is new at IBKR. A date that can be read in two ways is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from nightdesk.core.errors import Refused
from nightdesk.core.masking import one_line

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: What a statement says of itself.
ABOUT_FIELDS = ("accountId", "fromDate", "period", "toDate", "whenGenerated")

#: The fields of each section, as the XML names them; docs/vendors/ibkr.md has them as the form names them.
TRADE_FIELDS = (
    "accountId",
    "assetCategory",
    "buySell",
    "currency",
    "dateTime",
    "ibCommission",
    "ibCommissionCurrency",
    "ibExecID",
    "levelOfDetail",
    "orderReference",
    "quantity",
    "symbol",
    "tradePrice",
    "transactionType",
)
CASH_FIELDS = (
    "accountId",
    "amount",
    "currency",
    "description",
    "levelOfDetail",
    "reportDate",
    "symbol",
    "transactionID",
    "type",
)

#: The sections that are read: the element of a row, the level of detail that is booked, the fields.
SECTIONS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "Trades": ("Trade", "EXECUTION", TRADE_FIELDS),
    "CashTransactions": ("CashTransaction", "DETAIL", CASH_FIELDS),
}

NEW_YORK = ZoneInfo("America/New_York")
_ENUMERATED = ("assetCategory", "buySell", "transactionType", "type")
_DAYS = ("fromDate", "toDate", "reportDate")
_MOMENTS = ("dateTime", "whenGenerated")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2}|\d{8})(?:[;,T]| |, )(\d{2}:\d{2}:\d{2}|\d{6})"
    r"(?: (?:E[SD]T|US/Eastern|America/New_York))?"
)

#: So much of what came is quoted in an error.
QUOTED = 80


def root_of(content: bytes) -> Element:
    """The root of the answer to an activity query."""
    from xml.etree import ElementTree

    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Refused(
            "it declares entities of its own, which no Flex statement does: fetch it anew from IBKR"
        )
    try:
        root = ElementTree.XML(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Refused(
            f"it is no whole XML ({error}): fetch it anew from IBKR, in the query's format XML"
        ) from None
    if root.tag == "FlexStatementResponse":
        said = one_line(root.findtext("ErrorMessage") or "no statement in it")[:QUOTED]
        raise Refused(f"it is the web service's answer and no statement: {said}")
    if root.tag != "FlexQueryResponse":
        raise Refused(f"it is a {one_line(root.tag)[:QUOTED]}, a FlexQueryResponse was expected")
    if root.get("type") != "AF":
        raise Refused(
            f"its query is of the type {one_line(root.get('type') or 'none')[:QUOTED]}: make an Activity "
            "Flex Query, trade confirmations have no cash transactions"
        )
    return root


def statements_of(root: Element, account_id: str) -> list[Element]:
    """The statements of the account: one, or one for each day where the query breaks it out by day."""
    listed = root.find("FlexStatements")
    several = [] if listed is None else listed.findall("FlexStatement")
    counted = "" if listed is None else listed.get("count", "")
    if not counted.isdecimal() or int(counted) != len(several):
        raise Refused(
            f"it announces {one_line(counted)[:QUOTED] or 'no'} statements and holds {len(several)}: it is "
            "cut, fetch it anew"
        )
    own = [one for one in several if one.get("accountId") == account_id]
    if own:
        return own
    others = ", ".join(sorted({one_line(one.get("accountId") or "no account") for one in several}))
    raise Refused(
        f"it is of {others[:QUOTED] or 'no account'}, and the book's account is {account_id}: choose that in "
        "the query"
    )


def rows_of(statement: Element, section: str, account_id: str) -> list[Element]:
    """The rows of a section that are booked, checked for what all rows need."""
    element, level, fields = SECTIONS[section]
    found = statement.find(section)
    if found is None:
        raise Refused(f"it has no section {section}: tick it in the query, and fetch the statement anew")
    every = list(found.iter(element))
    for row in every:
        lacking = [name for name in fields if name not in row.attrib]
        if lacking:
            raise Refused(
                f"its section {section} lacks the fields {', '.join(lacking)}: tick them in the query"
            )
        if row.attrib["accountId"] != account_id:
            raise of_row(row, f"it is of account {one_line(row.attrib['accountId'])}")
    own = [row for row in every if row.attrib["levelOfDetail"].upper() == level]
    if len(found) and not own:
        raise Refused(
            f"its section {section} has no row at the level {level}: choose that level in the query, for a "
            "summary says not what happened when"
        )
    for row in own:
        if row.attrib["currency"] != "USD":
            raise of_currency(row, row.attrib["currency"])
    return own


def parsed_row(row: Element, fields: Collection[str]) -> Any:
    """A row as ibflex reads it, without what it enumerates: it refuses a word that is new at IBKR."""
    from xml.etree.ElementTree import Element as Made

    from ibflex import parser

    part = Made(row.tag, {name: _plain(row, name) for name in fields if name not in _ENUMERATED})
    try:
        return parser.parse_data_element(part)
    except parser.FlexParserError as error:
        raise of_row(row, one_line(str(error))[:QUOTED]) from None


def _plain(row: Element, name: str) -> str:
    """A field as ibflex reads it in one way alone: a day with slashes has two, and a time no zone."""
    value = row.get(name, "")
    if name in _DAYS:
        if not _DAY.fullmatch(value):
            raise of_row(
                row, f"its {name} is {one_line(value)[:QUOTED]!r}: set the query's date format to yyyy-MM-dd"
            )
    elif name in _MOMENTS:
        written = _MOMENT.fullmatch(value)
        if written is None:
            raise of_row(
                row,
                f"its {name} is {one_line(value)[:QUOTED]!r}: set the query's date format to yyyy-MM-dd, its "
                "time format to HH:mm:ss and their separator to a semicolon",
            )
        return f"{written[1]};{written[2]}"
    return value


def number_in(row: Element, name: str, parsed: Any) -> Decimal:
    """A field of a parsed row that must hold a finite number."""
    value = getattr(parsed, name)
    # The bound is far above any amount, and keeps an exponent from asking for gigabytes of digits.
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 20:
        return value
    raise of_row(row, f"its {name} is {one_line(row.attrib[name])[:QUOTED]!r}, no number")


def key_in(row: Element, name: str) -> str:
    """A field by which IBKR tells rows apart."""
    value = row.get(name, "")
    if not value or value != one_line(value):
        raise of_row(row, f"its {name} is {one_line(value)[:QUOTED]!r}, no key")
    return value


def in_utc(moment: datetime) -> datetime:
    """An instant of New York's clock, UTC."""
    return moment.replace(tzinfo=NEW_YORK).astimezone(UTC)


def of_row(row: Element, why: str) -> Refused:
    """The refusal of a statement for one of its rows."""
    key = row.get("ibExecID") or row.get("transactionID") or row.get("accountId") or "without a key"
    return Refused(f"{row.tag} {one_line(key)[:QUOTED]}: {why}")


def of_currency(row: Element, currency: str) -> Refused:
    """The refusal of a statement for a row that is not in dollars."""
    found = one_line(currency)[:QUOTED] or "no currency"
    return of_row(row, f"it is in {found}, and the desk counts in USD: a book's account holds dollars alone")
