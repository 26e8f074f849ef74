"""The comparison of two recorded runs sees a difference, and only that."""

from tests.same_output.compare import differing


def test_a_changed_or_a_missing_call_is_named() -> None:
    """One digest differs, one call is new, one is gone; the equal one is not named."""
    before = {"a": "1", "b": "1", "c": "1"}
    after = {"a": "1", "b": "2", "d": "1"}

    assert differing(before, after) == ["b", "c", "d"]
