"""The worlds of the crash tests."""

from tests.crash.conftest import first_noon, make_world, quick_path

__all__ = ["first_noon", "make_world", "quick_path"]
