"""Real processes, really killed, against every server: the next run leaves what no crash leaves."""

import pytest

from tests.crash.kill_points import SCENES, play, starting


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scene", SCENES)
def test_killed_against_a_real_server(
    lane: tuple[str, str], scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Server content as without the crash, nothing twice, nothing lost; pids and points printed."""
    name, base_url = lane
    points = 1 if name == "embedded" else 3
    with capsys.disabled(), starting(base_url) as start:
        print(f"\n{name}")
        failed = play(scene, points, start)

    assert failed == 0
