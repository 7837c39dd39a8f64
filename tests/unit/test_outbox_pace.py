"""How fast messages leave, and how long a failed one waits."""

import pytest

from ntp_checker.outbox.pace import TokenBucket, backoff_s


def test_bucket_when_rested_lets_one_through_at_once() -> None:
    assert TokenBucket(2.0).wait_s(100.0) == 0.0


@pytest.mark.parametrize(("after_s", "wait_s"), [(0.0, 0.5), (0.3, 0.2), (0.5, 0.0), (9.0, 0.0)])
def test_bucket_after_one_waits_out_the_rate(after_s: float, wait_s: float) -> None:
    bucket = TokenBucket(2.0)
    bucket.take(100.0)

    assert bucket.wait_s(100.0 + after_s) == pytest.approx(wait_s)


def test_bucket_after_a_long_rest_saves_up_no_more_than_its_burst() -> None:
    bucket = TokenBucket(2.0, burst=3)
    bucket.take(0.0)

    for _ in range(3):
        assert bucket.wait_s(1_000.0) == 0.0
        bucket.take(1_000.0)
    assert bucket.wait_s(1_000.0) == pytest.approx(0.5)


def test_bucket_over_many_takes_keeps_to_its_rate() -> None:
    bucket = TokenBucket(14.0)
    now_s = 0.0
    for _ in range(141):
        now_s += bucket.wait_s(now_s)
        bucket.take(now_s)

    assert now_s == pytest.approx(10.0)


@pytest.mark.parametrize("rate_per_s", [0.0, -1.0, float("nan")])
def test_bucket_that_would_never_fill_is_refused(rate_per_s: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        TokenBucket(rate_per_s)


@pytest.mark.parametrize(
    ("attempts", "longest_s"),
    [(1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0), (10, 300.0), (2_000, 300.0)],
)
def test_backoff_doubles_up_to_five_minutes_and_varies_by_half(
    attempts: int, longest_s: float
) -> None:
    found = [backoff_s(attempts) for _ in range(300)]

    assert longest_s / 2 <= min(found) < longest_s * 0.6
    assert longest_s * 0.9 < max(found) <= longest_s


@pytest.mark.parametrize(
    ("retry_after_s", "expected_s"), [(90.0, 90.0), (3_600.0, 3_600.0), (1e12, 3_600.0)]
)
def test_backoff_is_never_less_than_the_provider_asks_up_to_an_hour(
    retry_after_s: float, expected_s: float
) -> None:
    assert backoff_s(1, retry_after_s=retry_after_s) == expected_s


def test_backoff_when_the_provider_asks_for_less_is_our_own() -> None:
    assert backoff_s(9, retry_after_s=0.1) >= 128.0
