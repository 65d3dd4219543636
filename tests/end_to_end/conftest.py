"""The desk that the tests of one file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.end_to_end.desk import Desk, whole_desk


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """A running desk with one book, nothing decided yet."""
    with whole_desk() as running:
        yield running
