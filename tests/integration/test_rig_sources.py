"""The rig's NTP servers and refclocks make of a real chronyd what they are meant to."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.rig import ChronyState, LeapBits, NtpReply, Rig, RigHost, wait_until
from tests.rig.faketime import leap_day_shift_s

GOOD = NtpReply()
JITTERY_LINES = ("maxjitter 0.01",)
STATES = {
    "good": (GOOD,),
    "falseticker": (GOOD, GOOD, NtpReply(offset_s=0.5)),
    "no majority": (GOOD, NtpReply(offset_s=5.0), NtpReply(offset_s=-5.0)),
    "jittery": (GOOD, GOOD, NtpReply(jitter_s=0.1)),
    "unsynchronised": (NtpReply(leap=LeapBits.NOT_SYNCHRONISED, stratum=16),),
    "too far from its root": (NtpReply(root_dispersion_s=5.0),),
    "stratum 13": (NtpReply(stratum=13),),
}


def _shift_s() -> float:
    return float(round(leap_day_shift_s(datetime.now(UTC))))


@pytest.fixture(scope="module")
def hosts(rig: Rig) -> Iterator[Mapping[str, RigHost]]:
    shift_s = _shift_s()
    wanted: dict[str, dict[str, Any]] = {
        name: {
            "chrony": ChronyState.SETTLED,
            "references": rig.new_servers(*replies),
            "chrony_lines": JITTERY_LINES,
        }
        for name, replies in STATES.items()
    }
    leap = NtpReply(leap=LeapBits.INSERT_SECOND, offset_s=shift_s)
    wanted["leap"] = {
        "chrony": ChronyState.SETTLED,
        "references": rig.new_servers(leap),
        "date_shift_s": shift_s,
    }
    wanted["refclock"] = {"chrony": ChronyState.REFCLOCK}
    hosts = rig.group(wanted)
    yield hosts
    for host in hosts.values():  # their names are free for others again
        rig.retire(host)


def _sources(host: RigHost) -> list[list[str]]:
    return [line.split(",") for line in host.chronyd.ask("sources").splitlines()]


def _states(host: RigHost) -> str:
    return "".join(sorted(fields[1] for fields in _sources(host)))


def _tracking(host: RigHost) -> list[str]:
    return host.chronyd.ask("tracking").strip().split(",")


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("no majority", "xxx"),
        ("unsynchronised", "???"),
        ("too far from its root", "???"),
    ],
)
def test_servers_when_none_can_be_used_then_the_host_is_not_synchronised(
    hosts: Mapping[str, RigHost], name: str, states: str
) -> None:
    assert _states(hosts[name]) == states
    assert _tracking(hosts[name])[13] == "Not synchronised"


@pytest.mark.parametrize(("name", "state"), [("falseticker", "x"), ("jittery", "~")])
def test_servers_when_the_third_is_bad_then_it_alone_is_named(
    hosts: Mapping[str, RigHost], name: str, state: str
) -> None:
    named = {fields[2]: fields[1] for fields in _sources(hosts[name])}

    assert named["127.0.0.3"] == state
    assert set(named.values()) <= {"*", "+", "-", state}
    assert _tracking(hosts[name])[13] == "Normal"


def test_servers_when_unsynchronised_then_reach_stays_0_and_when_far_it_fills(
    hosts: Mapping[str, RigHost],
) -> None:
    assert {fields[5] for fields in _sources(hosts["unsynchronised"])} == {"0"}
    assert {fields[5] for fields in _sources(hosts["too far from its root"])} == {"377"}


def test_servers_when_good_then_the_answers_are_exact_on_a_busy_machine(
    hosts: Mapping[str, RigHost],
) -> None:
    offsets_s = [abs(float(fields[7])) for fields in _sources(hosts["good"])]

    assert len(offsets_s) == 3
    assert max(offsets_s) < 0.002


def test_servers_when_of_stratum_13_then_the_host_is_14(hosts: Mapping[str, RigHost]) -> None:
    assert _tracking(hosts["stratum 13"])[2] == "14"


def test_date_when_it_is_a_leap_day_then_chronyd_takes_the_announcement(
    hosts: Mapping[str, RigHost],
) -> None:
    assert _tracking(hosts["leap"])[13] == "Insert second"


def test_leap_day_when_sought_then_the_next_one_at_noon() -> None:
    now = datetime(2026, 6, 30, 11, 0, tzinfo=UTC)
    later = datetime(2026, 12, 31, 12, 0, 1, tzinfo=UTC)

    assert leap_day_shift_s(now) == 3600
    assert (
        later.timestamp() + leap_day_shift_s(later)
        == datetime(2027, 6, 30, 12, tzinfo=UTC).timestamp()
    )


def test_refclocks_when_they_talk_then_pps_is_selected_at_stratum_1(
    hosts: Mapping[str, RigHost],
) -> None:
    tracking = _tracking(hosts["refclock"])
    states = {fields[2]: fields[0] + fields[1] for fields in _sources(hosts["refclock"])}

    assert (tracking[1], tracking[2], tracking[13]) == ("PPS", "1", "Normal")
    assert states == {"GPS": "#-", "PPS": "#*"}


def test_refclocks_when_they_fall_silent_then_reach_falls_and_stratum_stays(
    rig_host: Callable[..., RigHost],
) -> None:
    host = rig_host(chrony=ChronyState.REFCLOCK)
    host.chronyd.refclocks.stop()
    wait_until(
        lambda: [fields[5] for fields in _sources(host)] == ["0", "0"], "reach 0", timeout_s=20
    )

    assert _tracking(host)[2] == "1"
    assert _tracking(host)[13] == "Normal"
