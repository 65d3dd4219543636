"""The line to TWS against servers that say, byte by byte, what a test wants: it ends, whatever they do."""

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from nightdesk.core.errors import Refused
from nightdesk.tws_client import Heard
from nightdesk.tws_line import TwsLine
from nightdesk.tws_terms import (
    TwsAddress,
    TwsClientInUse,
    TwsError,
    TwsPatience,
    TwsSilent,
    TwsUnreadable,
    tws_address,
)

PATIENCE = TwsPatience(connect=20.0, in_use=0.0, answer=20.0)
#: Where an answer never comes.
HASTE = TwsPatience(connect=1.0, in_use=0.0, answer=0.5)


def message(*fields: object) -> bytes:
    body = "".join(f"{one}\0" for one in fields).encode()
    return struct.pack(">I", len(body)) + body


VERSION = message(176, "20260101 00:00:00 UTC")
READY = message(15, 1, "DU1234567,DU7654321") + message(9, 1, 5)
TIME = message(49, 1, 1_700_000_000)


def once(first: bytes, then: bytes) -> Callable[[socket.socket], None]:
    """Answers the question of the first connection with the one, that of the next with the other."""
    answers = [first, then]
    return lambda connection: answering(answers.pop(0))(connection)


def error(code: int, text: str, number: int = -1) -> bytes:
    return message(4, 2, number, code, text, "")


@contextmanager
def talking(talk: Callable[[socket.socket], None], patience: TwsPatience = PATIENCE) -> Iterator[TwsLine]:
    """A line to a server that talks so to each of its connections, and keeps them open after it."""
    kept: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    def attend(connection: socket.socket) -> None:
        with suppress(OSError):
            talk(connection)

    threading.Thread(target=serve, daemon=True).start()
    line = TwsLine(TwsAddress("127.0.0.1", server.getsockname()[1], 3), "account x of ibkr", patience)
    try:
        yield line
    finally:
        line.close()
        server.close()
        for one in kept:
            one.close()


def handshake(connection: socket.socket) -> None:
    connection.recv(100)
    connection.sendall(VERSION)
    connection.recv(100)
    connection.sendall(READY)


def answering(*answers: bytes) -> Callable[[socket.socket], None]:
    """Shakes hands, and gives these answers to one question after the other."""

    def talk(connection: socket.socket) -> None:
        handshake(connection)
        for one in answers:
            connection.recv(1000)
            connection.sendall(one)

    return talk


def clock(line: TwsLine) -> int:
    (found,) = line.ask(
        "the clock",
        lambda client, number: client.reqCurrentTime(),
        takes={"currentTime"},
        ends="currentTime",
        numbered=False,
    )
    return int(found[0])


def test_it_connects_asks_and_connects_again_after_its_close() -> None:
    with talking(answering(TIME)) as line:
        assert line.open() == ("DU1234567", "DU7654321")
        assert clock(line) == 1_700_000_000
        line.close()
        assert clock(line) == 1_700_000_000


def test_each_number_is_given_once_and_is_none_of_an_order_that_tws_told_of() -> None:
    with talking(handshake) as line:
        assert [line.number(), line.number()] == [5, 6]


def test_where_nobody_listens_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    line = TwsLine(TwsAddress("127.0.0.1", port, 3), "account x of ibkr", PATIENCE)
    with pytest.raises(TwsSilent, match=f"nothing answers at 127.0.0.1:{port} .*is TWS or Gateway running"):
        line.open()


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (lambda connection: connection.close(), "hung up before the handshake was over"),
        (lambda connection: None, "does not finish its handshake within 1 seconds: is TWS logged in"),
        (
            lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 5000),
            "does not finish its handshake",
        ),
        (lambda connection: connection.sendall(VERSION), "does not finish its handshake"),
    ],
)
def test_a_handshake_ends_in_time(talk: Callable[[socket.socket], None], words: str) -> None:
    begun = time.monotonic()
    with talking(talk, HASTE) as line, pytest.raises(TwsSilent, match=words):
        line.open()
    assert time.monotonic() - begun < 20


def test_a_client_id_in_use_is_waited_for_and_then_said() -> None:
    def busy(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(VERSION)
        connection.recv(100)
        connection.sendall(error(326, "Unable to connect as the client id is already in use"))
        connection.close()

    patience = TwsPatience(connect=20.0, in_use=0.7, answer=0.5)
    begun = time.monotonic()
    with talking(busy, patience) as line, pytest.raises(TwsClientInUse, match="client id 3 is in use at"):
        line.open()
    assert time.monotonic() - begun > 0.7


def test_a_question_without_an_answer_ends_and_the_next_one_is_answered() -> None:
    with talking(once(b"", TIME), replace(PATIENCE, answer=2.0)) as line:
        with pytest.raises(TwsSilent, match=r"no answer within 2 seconds \(the clock\)"):
            clock(line)
        assert clock(line) == 1_700_000_000


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    def late(connection: socket.socket) -> None:
        handshake(connection)
        connection.recv(1000)
        time.sleep(1.5)
        connection.sendall(message(49, 1, 1))

    told: list[Callable[[socket.socket], None]] = [late, answering(TIME)]
    with talking(lambda one: told.pop(0)(one), replace(PATIENCE, answer=1.0)) as line:
        with pytest.raises(TwsSilent, match="no answer within 1 seconds"):
            clock(line)
        time.sleep(1.0)
        assert clock(line) == 1_700_000_000


def test_what_a_question_that_was_interrupted_still_brings_is_not_taken_for_the_next_one() -> None:
    def interrupted(one: Heard) -> bool:
        raise KeyboardInterrupt

    with talking(once(TIME + message(49, 1, 1), TIME)) as line:
        with pytest.raises(KeyboardInterrupt):
            line.listen("the clock", lambda client: client.reqCurrentTime(), interrupted)
        assert clock(line) == 1_700_000_000


def test_what_an_unreadable_answer_still_brings_is_not_taken_for_the_next_one() -> None:
    with talking(once(message(11, "x") + message(49, 1, 1), TIME)) as line:
        with pytest.raises(TwsUnreadable):
            clock(line)
        assert clock(line) == 1_700_000_000


def test_an_answer_that_need_not_come_is_waited_for_and_the_connection_stays() -> None:
    with talking(answering(TIME, TIME)) as line:
        assert clock(line) == 1_700_000_000
        assert not line.wait("nothing", lambda client: None, lambda one: False, 0.1)
        assert clock(line) == 1_700_000_000


def test_a_connection_that_breaks_while_it_answers_is_silence_and_is_made_anew() -> None:
    begun: list[int] = []

    def breaks_once(connection: socket.socket) -> None:
        begun.append(1)
        handshake(connection)
        connection.recv(1000)
        if len(begun) == 1:
            connection.close()
        else:
            connection.sendall(TIME)

    with talking(breaks_once) as line:
        with pytest.raises(TwsSilent, match=r"the connection to ib://.* broke"):
            clock(line)
        assert clock(line) == 1_700_000_000
    assert len(begun) == 2


@pytest.mark.parametrize("code", [502, 504, 1100, 1300])
def test_an_answer_of_a_tws_that_has_lost_ibkr_is_none(code: int) -> None:
    with talking(answering(error(code, "lost") + TIME)) as line:
        with pytest.raises(TwsSilent, match=rf"TWS has no connection to IBKR \(the clock\): lost \({code}\)"):
            clock(line)
        with pytest.raises(TwsSilent, match="TWS has no connection to IBKR"):
            clock(line)


@pytest.mark.parametrize("code", [1101, 1102])
def test_a_connection_to_ibkr_that_is_back_is_used(code: int) -> None:
    def lost(connection: socket.socket) -> None:
        answering(error(1100, "lost"))(connection)
        time.sleep(0.3)
        connection.sendall(error(code, "back"))

    told: list[Callable[[socket.socket], None]] = [lost, answering(TIME)]
    with talking(lambda one: told.pop(0)(one)) as line:
        with pytest.raises(TwsSilent):
            clock(line)
        with pytest.raises(TwsSilent, match="TWS has no connection to IBKR"):
            clock(line)
        time.sleep(1.0)
        assert clock(line) == 1_700_000_000


@pytest.mark.parametrize("code", [2103, 2104, 2106, 2108, 2110, 2158])
def test_news_of_data_farms_are_no_answer(code: int) -> None:
    with talking(answering(error(code, "a farm") + error(code, "a farm", 5) + TIME)) as line:
        assert clock(line) == 1_700_000_000


def test_an_error_belongs_to_its_question() -> None:
    answer = error(321, "of another question", 4) + error(200, "No security definition", 5)
    with (
        talking(answering(answer)) as line,
        pytest.raises(TwsError, match="No security definition") as raised,
    ):
        clock(line)
    assert raised.value.code == 200


@pytest.mark.parametrize(
    "rubbish",
    [
        message(11, "x"),  # an execution without its fields
        message(999, "what is this"),
        message("abc"),
        message(63, 2, "no number", "DU1234567", "NetLiquidation", "1", "USD"),
    ],
)
def test_what_cannot_be_read_is_no_answer_and_shows_in_no_log(
    rubbish: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with talking(answering(rubbish + TIME)) as line, pytest.raises((TwsUnreadable, TwsSilent)):
        clock(line)
    assert [one for one in caplog.records if one.name.startswith("ib_async")] == []


def test_a_time_without_a_zone_is_not_guessed() -> None:
    fields = [11, 5, 1, 756733, "SPY", "STK", "", 0, "", "", "ARCA", "USD", "SPY", "SPY", "0001.01",
              "20220302 09:30:00", "DU1234567", "ARCA", "BOT", 1, 100, 7, 3, 0, 1, 100, "x", "", 0, "",
              1]  # fmt: skip
    with (
        talking(answering(message(*fields))) as line,
        pytest.raises(
            TwsUnreadable, match=r"cannot be read: .*none came with a time, let TWS send times in UTC"
        ),
    ):
        line.ask(
            "the executions",
            lambda client, number: client.reqCurrentTime(),
            takes={"execDetails"},
            ends="execDetailsEnd",
        )


def test_a_length_that_never_comes_is_silence() -> None:
    with talking(answering(struct.pack(">I", 2**31) + b"x" * 1000), HASTE) as line, pytest.raises(TwsSilent):
        clock(line)


def test_two_lines_of_a_process_are_used_by_turns() -> None:
    with talking(answering(TIME, TIME)) as one, talking(answering(TIME, TIME)) as other:
        assert [clock(one), clock(other), clock(one), clock(other)] == [1_700_000_000] * 4


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:4002/17",
        "http://127.0.0.1:4002/17",
        "ib://127.0.0.1/17",
        "ib://127.0.0.1:4002",
        "ib://127.0.0.1:4002/0",
        "ib://127.0.0.1:0/17",
        "ib://127.0.0.1:70000/17",
        "ib://127.0.0.1:4002/9999999999",
        "ib://user@127.0.0.1:4002/17",
        "ib://127.0.0.1:4002/17?x=1",
        "",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"account x: found the address .*expected ib://host:port/clientId"):
        tws_address(text, "account x")


def test_an_address_is_read() -> None:
    assert tws_address(" ib://localhost:7497/12 ", "x") == TwsAddress("localhost", 7497, 12)
    assert tws_address("ib://[::1]:4002/1", "x") == TwsAddress("::1", 4002, 1)
