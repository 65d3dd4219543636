"""The Flex statements of a book's account at IBKR: its id, its query and token from the environment."""

from __future__ import annotations

from collections.abc import Mapping

from nightdesk.brokers.account_statement import AccountStatement, StatementSource
from nightdesk.brokers.credentials import connection_id, variable
from nightdesk.brokers.flex_service import FlexService
from nightdesk.brokers.flex_statements import read_flex
from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused


class FlexSource(StatementSource):
    """The statements of one account.

    ``NIGHTDESK_ACCOUNT_NAME_KEY`` is IBKR's id of the account. ``NIGHTDESK_ACCOUNT_NAME_FLEX_KEY`` is the id
    of the query, ``..._FLEX_SECRET`` the token of the web service, ``..._FLEX_URL`` another address of it.

    Parameters
    ----------
    book : Book
        Its account, universe and calendar.
    environ : mapping of str to str
    """

    def __init__(self, book: Book, environ: Mapping[str, str]) -> None:
        self._book, self._name = book, book.own_entry.account
        self._id = (environ.get(variable(self._name, "key")) or "").strip()
        self._query, self._token, self._url = (
            (environ.get(variable(f"{self._name}_flex", part)) or "").strip()
            for part in ("key", "secret", "url")
        )

    @property
    def can_fetch(self) -> bool:
        """Whether query and token are known."""
        return bool(self._query and self._token)

    def fetch(self) -> AccountStatement:
        """See `StatementSource.fetch`."""
        if not self._query or not self._token:
            names = " and ".join(variable(f"{self._name}_flex", part) for part in ("key", "secret"))
            raise Refused(
                f"account {self._name}: to fetch a statement set {names} in the environment (the id of the "
                f"Flex query, and the token of the web service), or make the Airflow connection "
                f"{connection_id(f'{self._name}_flex')}, which only tasks of Airflow read"
            )
        return self.read(FlexService(self._name, self._token, self._query, self._url or None).fetch())

    def read(self, content: bytes) -> AccountStatement:
        """See `StatementSource.read`."""
        if not self._id:
            raise Refused(
                f"account {self._name} of ibkr: its id at IBKR is not known: set "
                f"{variable(self._name, 'key')} in the environment, such as U1234567, or make the Airflow "
                f"connection {connection_id(self._name)}, which only tasks of Airflow read"
            )
        try:
            return read_flex(content, self._id, self._book.universe, get_calendar(self._book.calendar))
        except Refused as error:
            raise Refused(f"the Flex statement of account {self._name}: {error}") from None
