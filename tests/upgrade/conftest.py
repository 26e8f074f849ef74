"""The worlds of the crash tests."""

from tests.crash.conftest import make_world, quick_path

__all__ = ["make_world", "quick_path"]
