from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.demo.fleet import make_fleet
from ntp_checker.demo.host import SimulatedHost
from ntp_checker.demo.printed import (
    print_gps,
    print_sample,
    print_sources,
    print_sourcestats,
    print_tracking,
)
from ntp_checker.model import Sample
from ntp_checker.parse.chrony import join_stats, parse_sources, parse_sourcestats, parse_tracking
from ntp_checker.parse.gpsd import parse_gps

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
START = NOW - timedelta(hours=6)
FLEET = {spec.host.name: spec for spec in make_fleet(NOW.timestamp())}
REACHED = sorted(set(FLEET) - {"edge-19"})


def samples_of(name: str) -> list[Sample]:
    host = SimulatedHost(FLEET[name], START.timestamp(), "1")
    return [host.look(START + timedelta(minutes=7 * k)) for k in range(51)]


@pytest.mark.parametrize("name", REACHED)
def test_tracking_when_printed_is_parsed_as_it_was(name: str) -> None:
    for sample in samples_of(name):
        assert sample.tracking is not None
        assert parse_tracking(print_tracking(sample.tracking).encode()) == sample.tracking


@pytest.mark.parametrize("name", REACHED)
def test_sources_when_printed_are_parsed_as_they_were(name: str) -> None:
    for sample in samples_of(name):
        assert sample.sources
        parsed = join_stats(
            parse_sources(print_sources(sample.sources).encode()),
            parse_sourcestats(print_sourcestats(sample.sources).encode()),
        )
        assert parsed == sample.sources


@pytest.mark.parametrize("name", ["gps-oslo", "gps-bergen", "gps-tromso"])
def test_gps_report_when_printed_is_parsed_as_it_was(name: str) -> None:
    for sample in samples_of(name):
        assert sample.gps is not None
        (parsed,) = parse_gps(print_gps(sample.gps).encode(), sample.gps.taken_at)
        assert parsed == replace(sample.gps, age_s=None, time_lag_s=None)


def test_raw_text_of_a_look_has_every_report() -> None:
    raw = print_sample(samples_of("gps-oslo")[-1])

    assert raw is not None
    assert raw.chrony_text is not None
    assert raw.gps_text is not None
    headings = [line for line in raw.chrony_text.splitlines() if line.startswith("# ")]
    assert headings == ["# date", "# tracking", "# sources", "# sourcestats"]
    assert "lat" not in raw.gps_text


def test_raw_text_of_a_look_that_came_to_nothing_is_none() -> None:
    unreached = samples_of("edge-19")[-1]

    assert unreached.tracking is None
    assert print_sample(unreached) is None
