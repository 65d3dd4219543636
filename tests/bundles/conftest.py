"""The desks of the pipeline's tests, for books of bundles."""

from tests.session.conftest import desk, make_desk, walks

__all__ = ["desk", "make_desk", "walks"]
