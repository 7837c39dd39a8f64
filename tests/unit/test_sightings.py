"""What looks at hosts say of the checker."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ntp_checker.model import (
    Failure,
    FailureKind,
    Host,
    JudgedSample,
    Part,
    Sample,
    Status,
    Verdict,
)
from ntp_checker.sightings import Sighting, Sightings
from tests.made_samples import NOW, SAMPLE

HOST = Host(name="ntp1", address="ntp1.example.net")
#: A look of 0.2 s, whose host was 3 s behind us in its middle.
LOOKED = replace(
    SAMPLE,
    slot_at=NOW,
    taken_at=NOW,
    duration_s=0.2,
    host_time_at=NOW + timedelta(seconds=0.1 - 3),
)


def sighting(
    sample: Sample = LOOKED,
    *,
    host: Host = HOST,
    error_bound_s: float | None = 0.01,
    wall_offset_s: float = 0.0,
) -> Sighting:
    sightings = Sightings()
    verdict = Verdict(status=Status.OK, error_bound_s=error_bound_s, judgements=())
    judged = JudgedSample(sample=sample, verdict=verdict)
    sightings.note(host, judged, wall_offset_s)
    return sightings.of([host], NOW - timedelta(seconds=1))[host.name]


@pytest.mark.parametrize(("wall_offset_s", "own_offset_s"), [(0.0, 3.0), (-3.0, 0.0), (7.0, 10.0)])
def test_own_clock_when_a_host_tells_its_time_then_compared_with_our_wall_clock(
    wall_offset_s: float, own_offset_s: float
) -> None:
    assert sighting(wall_offset_s=wall_offset_s).own_offset_s == pytest.approx(own_offset_s)


@pytest.mark.parametrize(
    "changed",
    [
        {"host": Host(name="here", address="")},
        {"error_bound_s": None},
        {"error_bound_s": 0.6},
        {"sample": replace(LOOKED, host_time_at=None)},
        {"sample": replace(LOOKED, duration_s=0.6)},
    ],
    ids=["our own machine", "not synchronised", "may be wrong itself", "no date", "slow look"],
)
def test_own_clock_when_the_host_cannot_tell_then_not_compared(changed: dict[str, Any]) -> None:
    assert sighting(**changed).own_offset_s is None


def test_host_when_login_failed_then_not_seen() -> None:
    failure = Failure(
        part=Part.LOGIN, kind=FailureKind.UNREACHABLE, stage="connect", detail="refused"
    )

    assert sighting().is_seen
    assert not sighting(replace(LOOKED, failures=(failure,))).is_seen


def test_sightings_when_a_host_was_not_looked_at_lately_then_left_out() -> None:
    sightings = Sightings()
    verdict = Verdict(status=Status.OK, error_bound_s=None, judgements=())
    sightings.note(HOST, JudgedSample(sample=LOOKED, verdict=verdict), 0.0)

    assert sightings.of([HOST], NOW) == {}
    assert sightings.of([replace(HOST, name="other")], NOW - timedelta(hours=1)) == {}
