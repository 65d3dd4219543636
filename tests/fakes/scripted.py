"""A server on loopback that answers as a vendor does, save where a script says otherwise."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.fakes.loopback import Bad, LoopbackServer, QuietHandler


@dataclass(frozen=True)
class Asked:
    """A request; of parameters given twice the first."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    def within(self, where: str) -> bool:
        """Whether it is one of those that `where` names, as `ScriptedServer.script` says."""
        if f"{self.path}?{urlencode(self.query)}".startswith(where):
            return True
        path, _, wanted = where.partition("?")
        pairs = [one.partition("=") for one in wanted.split("&") if one]
        return unquote(self.path).startswith(path) and all(
            self.query.get(name) == value for name, _, value in pairs
        )

    def again(self, **changed: str) -> Asked:
        """The same request with other parameters."""
        return replace(self, query={**self.query, **changed})


#: What is answered in place of a good answer, made of the request and of what gives good ones.
Spoil = Callable[[Asked, Callable[[Asked], Bad]], Bad]


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
        self._scripted: dict[str, list[Bad | Spoil | None]] = defaultdict(list)
        self._always: dict[str, Bad | Spoil] = {}
        self.listen(self._handler())

    @abstractmethod
    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        """What the vendor says to a request."""

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        """What the vendor says to a request without its key; None where it has it. No script goes before."""
        return None

    def script(self, where: str, *answers: Bad | Spoil | None) -> None:
        """The next requests of some are answered so; None is a good answer.

        Parameters
        ----------
        where : str
            How the path of those requests begins, unquoted, and which parameters they have:
            ``/v2/bars?symbols=SPY``.
        answers : Bad, Spoil or None
        """
        self._scripted[where].extend(answers)

    def always(self, where: str, answer: Bad | Spoil) -> None:
        """Every request of some, as `script` names them, is answered like this."""
        self._always[where] = answer

    def heal(self) -> None:
        """From now on every answer is good."""
        self._scripted.clear()
        self._always.clear()

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        """What is said to a request."""
        refused, asked = self.refusal(query, headers), Asked(path, query, headers)
        if refused is not None:
            return refused
        for where, answers in self._scripted.items():
            if answers and asked.within(where):
                scripted = answers.pop(0)
                if scripted is not None:
                    return self._given(scripted, asked)
        for where, one in self._always.items():
            if asked.within(where):
                return self._given(one, asked)
        return self.reply(path, query, headers)

    def _given(self, one: Bad | Spoil, asked: Asked) -> Bad:
        if isinstance(one, Bad):
            return one
        return one(asked, lambda wanted: self.reply(wanted.path, wanted.query, wanted.headers))

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
