"""A server on loopback that answers as a vendor does, save where a script says otherwise."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.loopback import Bad, LoopbackServer, QuietHandler


class ScriptedServer(LoopbackServer):
    """The server, a context manager; `reply` are its good answers, `script` and `always` make others.

    Attributes
    ----------
    asked : list of str
        The paths that were asked for.
    queries : list of dict
        The parameters of each; of those given twice the first.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.queries: list[dict[str, str]] = []
        self._scripted: dict[str, list[Bad | None]] = defaultdict(list)
        self._always: dict[str, Bad] = {}
        self.listen(self._handler())

    @abstractmethod
    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        """What the vendor says to a request."""

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        """What the vendor says to a request without its key; None where it has it. No script goes before."""
        return None

    def script(self, where: str, *answers: Bad | None) -> None:
        """The next requests whose path begins with `where` are answered so; None is a good answer.

        The query may follow the path, with its parameters as they were sent: ``/bars?symbol=SPY``.
        """
        self._scripted[where].extend(answers)

    def always(self, where: str, answer: Bad) -> None:
        """Every request whose path begins with `where` is answered like this."""
        self._always[where] = answer

    def heal(self) -> None:
        """From now on every answer is good."""
        self._scripted.clear()
        self._always.clear()

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        """What is said to a request."""
        refused = self.refusal(query, headers)
        if refused is not None:
            return refused
        asked = f"{path}?{urlencode(query)}"
        for where, answers in self._scripted.items():
            if asked.startswith(where) and answers:
                scripted = answers.pop(0)
                if scripted is not None:
                    return scripted
        for where, one in self._always.items():
            if asked.startswith(where):
                return one
        return self.reply(path, query, headers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - so the base calls it
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                fake.asked.append(parts.path)
                fake.queries.append(query)
                self.give(fake.answer(parts.path, query, self.headers))

        return Handler
