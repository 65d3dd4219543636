"""IBKR's Flex web service on loopback, and statements as its activity queries write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

ACCOUNT = "DU1234567"
TOKEN = "123456789012345678901234"
QUERY = "987654"

_XML = {"Content-Type": "text/xml;charset=UTF-8"}

#: A row of each section as IBKR writes it; fields that the desk does not read stand among them.
TRADE = {
    "accountId": ACCOUNT,
    "acctAlias": "",
    "currency": "USD",
    "fxRateToBase": "1",
    "assetCategory": "STK",
    "symbol": "SPY",
    "description": "SPDR S&P 500 ETF TRUST",
    "conid": "756733",
    "listingExchange": "ARCA",
    "dateTime": "2024-06-04;09:30:01",
    "reportDate": "2024-06-04",
    "tradeDate": "2024-06-04",
    "transactionType": "ExchTrade",
    "exchange": "ARCA",
    "quantity": "10",
    "tradePrice": "530.25",
    "proceeds": "-5302.5",
    "taxes": "0",
    "ibCommission": "-1.000035",
    "ibCommissionCurrency": "USD",
    "netCash": "-5303.500035",
    "openCloseIndicator": "O",
    "notes": "P",
    "buySell": "BUY",
    "ibOrderID": "4015030800",
    "transactionID": "32580112485",
    "ibExecID": "0000e0d5.665e1a01.01.01",
    "orderReference": "",
    "orderType": "MKT",
    "isAPIOrder": "Y",
    "levelOfDetail": "EXECUTION",
}
CASH = {
    "accountId": ACCOUNT,
    "acctAlias": "",
    "currency": "USD",
    "fxRateToBase": "1",
    "assetCategory": "",
    "symbol": "",
    "description": "USD DEBIT INT FOR MAY-2024",
    "conid": "",
    "dateTime": "2024-06-05",
    "settleDate": "2024-06-05",
    "amount": "-12.34",
    "type": "Broker Interest Paid",
    "code": "",
    "transactionID": "32581000001",
    "reportDate": "2024-06-05",
    "levelOfDetail": "DETAIL",
}
ABOUT = {
    "accountId": ACCOUNT,
    "fromDate": "2024-05-28",
    "toDate": "2024-06-06",
    "period": "LastNCalendarDays",
    "whenGenerated": "2024-06-07;02:10:11",
}


def element(tag: str, attributes: Mapping[str, str], inside: str | None = None) -> str:
    """An element of XML."""
    written = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{written} />" if inside is None else f"<{tag}{written}>{inside}</{tag}>"


def section(name: str, row: str, like: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> str:
    """A section of a statement: rows like one, but for what is named."""
    return element(name, {}, "".join(element(row, {**like, **one}) for one in rows))


def flex_statement(
    trades: Sequence[Mapping[str, str]] = (),
    cash: Sequence[Mapping[str, str]] = (),
    *,
    more: str = "",
    query: Mapping[str, str] | None = None,
    **about: str,
) -> bytes:
    """The XML of an activity query.

    Parameters
    ----------
    trades, cash : sequence of mapping
        What the rows have in place of what `TRADE` and `CASH` have.
    more : str
        Further sections.
    query : mapping, optional
        What the root says in place of its own.
    about : str
        What the statement says of itself in place of `ABOUT`.
    """
    inside = (
        section("Trades", "Trade", TRADE, trades)
        + section("CashTransactions", "CashTransaction", CASH, cash)
        + more
    )
    statement = element("FlexStatement", ABOUT | about, inside)
    root = {"queryName": "nightdesk", "type": "AF"} | dict(query or {})
    return element("FlexQueryResponse", root, element("FlexStatements", {"count": "1"}, statement)).encode()


def told(code: str, words: str, status: str = "Fail") -> Bad:
    """What the service says in place of a statement."""
    said = f"<Status>{status}</Status><ErrorCode>{code}</ErrorCode><ErrorMessage>{words}</ErrorMessage>"
    return _answer(said)


def _answer(inside: str) -> Bad:
    stamp = {"timestamp": "07 June, 2024 08:00 AM EDT"}
    return Bad(200, element("FlexStatementResponse", stamp, inside), _XML)


class FlexWebService(ScriptedServer):
    """The service: one account's query, whose statement is ready after some questions.

    Attributes
    ----------
    statement : bytes
        What it gives; may be replaced.
    unready : int
        How many questions for it are answered by 1019 first.
    """

    def __init__(self, statement: bytes, unready: int = 0) -> None:
        super().__init__()
        self.statement, self.unready = statement, unready

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        """See `ScriptedServer.reply`."""
        if "User-Agent" not in headers or query.get("v") != "3":
            return Bad(403, "<html>Forbidden</html>")
        if query.get("t") != TOKEN:
            return told("1015", "Token is invalid.")
        if path == "/SendRequest":
            if query.get("q") != QUERY:
                return told("1014", "Query is invalid.")
            return _answer("<Status>Success</Status><ReferenceCode>1234567890</ReferenceCode><Url>x</Url>")
        if query.get("q") != "1234567890":
            return told("1017", "Reference code is invalid.")
        if self.unready:
            self.unready -= 1
            return told("1019", "Statement generation in progress. Please try again shortly.", "Warn")
        return Bad(200, self.statement.decode(), _XML)
