"""What people do, they do to the desks of the session's tests."""

from tests.session.conftest import desk, desk_after, fake, kept_desks, make_desk, walks

__all__ = ["desk", "desk_after", "fake", "kept_desks", "make_desk", "walks"]
