"""Numbers as people read them."""

import pytest

from ntp_checker.rules.wording import say_clock_offset, say_seconds


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (-0.0, "0 s"),
        (0.3e-9, "0.3 ns"),
        (12e-9, "12 ns"),
        (999.4e-9, "999 ns"),
        (999.6e-9, "1 µs"),
        (3.14159e-6, "3.14 µs"),
        (999.6e-6, "1 ms"),
        (0.25, "250 ms"),
        (-0.25, "250 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (99.96, "100 s"),
        (119.4, "119 s"),
        (120.0, "2 min"),
        (3569.0, "59 min"),
        (3571.0, "1 h"),
        (7500.0, "2 h 5 min"),
        (7199.0, "2 h"),
        (172_800.0, "2 days"),
        (1.8e9, "20,833 days"),
    ],
)
def test_seconds_when_said_then_one_unit_and_three_digits(seconds: float, said: str) -> None:
    assert say_seconds(seconds) == said


@pytest.mark.parametrize(
    ("offset_s", "said"),
    [(0.25, "250 ms ahead"), (-3.1e-6, "3.1 µs behind"), (0.0, "exact"), (-0.0, "exact")],
)
def test_offset_when_said_then_positive_is_ahead(offset_s: float, said: str) -> None:
    assert say_clock_offset(offset_s) == said
