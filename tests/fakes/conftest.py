"""What the tests of the fakes share."""

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _event_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`ib_async` as it comes, with a loop of its own: it keeps the first that it finds, were that closed,
    and the desk's line has it look for the running one.
    """
    from ib_async import client, connection, util

    for module in (client, connection):
        monkeypatch.setattr(module, "getLoop", util.getLoop)
    util.getLoop.cache_clear()
    loop = util.getLoop()
    asyncio.set_event_loop(loop)
    yield
    util.getLoop.cache_clear()
    asyncio.set_event_loop(None)
    loop.close()
