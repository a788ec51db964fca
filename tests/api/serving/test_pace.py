import pytest

from api.serving.pace import Pace, slowest_rate
from ingest.settings.loading import Settings

SECONDS = 60.0
SLOWEST = 1000


def send(pace: Pace, rate: float, seconds: int, pause: float = 1.0) -> None:
    for _ in range(int(seconds / pause)):
        if pause > pace.remaining_seconds:
            raise TimeoutError("the socket would wait no longer")
        pace.count(pause, int(rate * pause))


def test_a_slow_client_above_the_limit_continues_for_hours() -> None:
    send(Pace(SECONDS, SLOWEST), rate=SLOWEST, seconds=10 * 3600)


def test_long_pauses_are_compensated_by_later_bytes() -> None:
    send(Pace(SECONDS, SLOWEST), rate=SLOWEST, seconds=3600, pause=50)


@pytest.mark.parametrize(
    ("size", "longest", "rate"),
    [(0, 3600, SLOWEST), (3600 * SLOWEST, 3600, SLOWEST), (3600 * 5000, 3600, 5000), (3600 * 5000, 0, SLOWEST)],
)
def test_the_slowest_rate_grows_with_the_announced_size(size: int, longest: float, rate: int) -> None:
    assert slowest_rate(Settings(slowest_upload=SLOWEST, longest_upload=longest), size) == rate


@pytest.mark.parametrize("rate", [1, SLOWEST // 2])
def test_a_client_below_the_limit_is_cut_off(rate: int) -> None:
    with pytest.raises(TimeoutError):
        send(Pace(SECONDS, SLOWEST), rate, seconds=3 * int(SECONDS))


def test_a_fast_start_does_not_permit_a_long_pause() -> None:
    pace = Pace(SECONDS, SLOWEST)
    pace.count(1.0, 10**12)
    assert pace.remaining_seconds == SECONDS


def test_without_a_slowest_rate_any_byte_is_enough() -> None:
    send(Pace(SECONDS, slowest=0), rate=0.02, seconds=3600, pause=59)
