"""What can be wrong with a receiver, gpsd and gpspipe: code, status and exit."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future

import pytest

from tests.acceptance.faults import (
    DEADLINE_S,
    GPS_DEADLINE_S,
    GRACE_S,
    Fault,
    Finding,
    assert_named,
    broken_hosts,
    find,
    find_all,
    targets_of,
)
from tests.rig import ChronyState, GpsFeed, Rig, RigHost
from tests.rig.nmea import POSITION_TEXTS

pytestmark = pytest.mark.timeout(300)

GPS = ("--gps",)
FIX = {"gps": GpsFeed.FIX_3D}


def _gps_fault(
    code: str,
    *,
    feed: GpsFeed = GpsFeed.FIX_3D,
    kind: str = "",
    status: str = "warning",
    break_it: Callable[[RigHost], object] | None = None,
    options: tuple[str, ...] = (),
    beside: frozenset[str] = frozenset(),
) -> Fault:
    return Fault(
        status=status,
        codes=frozenset({code}),
        beside=beside,
        failures=frozenset({("gps", kind)}) if kind else frozenset(),
        host=lambda _: {"gps": feed},
        break_it=break_it,
        options=options,
        judges_gps=True,
    )


def _gpspipe(script: str) -> Callable[[RigHost], None]:
    return lambda host: host.replace_program("gpspipe", f"#!/bin/sh\n{script}\n")


def _make_gpspipe_old(host: RigHost) -> None:
    """Before 3.18 gpspipe knew no -x; else it did what it does now."""
    new = (host.bin / "gpspipe").read_text("utf-8").partition("\n")[2]
    host.replace_program(
        "gpspipe",
        f"""#!/bin/sh
for option in "$@"; do
    case $option in
        -h) exec echo "Usage: gpspipe [OPTIONS] [server[:port[:device]]]" ;;
        -x) echo "gpspipe: invalid option -- 'x'"; exit 1 ;;
    esac
done
{new}""",
    )


FAULTS = {
    "3D fix": Fault(status="ok", host=lambda _: FIX, judges_gps=True),
    "3D fix by a gpspipe without -x": Fault(
        status="ok", host=lambda _: FIX, break_it=_make_gpspipe_old, judges_gps=True
    ),
    "3D fix and PPS": Fault(
        status="ok", host=lambda _: FIX | {"chrony": ChronyState.REFCLOCK}, judges_gps=True
    ),
    "no fix": _gps_fault("gps_no_fix", feed=GpsFeed.NO_FIX, status="critical"),
    "empty sky": _gps_fault("gps_no_fix", feed=GpsFeed.EMPTY_SKY, status="critical"),
    "2D fix": _gps_fault(
        "gps_2d_fix", feed=GpsFeed.FIX_2D, beside=frozenset({"gps_few_satellites"})
    ),
    "silent receiver": _gps_fault("gps_silent", feed=GpsFeed.SILENT, kind="deadline"),
    "garbage receiver": _gps_fault("gps_silent", feed=GpsFeed.GARBAGE, kind="deadline"),
    "gpsd frozen": _gps_fault(
        "gps_silent", kind="deadline", break_it=lambda host: host.gpsd.freeze()
    ),
    "gpsd down": _gps_fault(
        "gps_unavailable", kind="command", break_it=RigHost.stop_gpsd, options=GPS
    ),
    "gpspipe missing": _gps_fault(
        "gps_unavailable", feed=GpsFeed.NO_GPSPIPE, kind="command", options=GPS
    ),
    "gpspipe not executable": _gps_fault(
        "gps_unavailable",
        kind="command",
        break_it=lambda host: host.make_not_executable("gpspipe"),
        options=GPS,
    ),
    "gpspipe crashing": _gps_fault(
        "gps_unavailable", kind="command", break_it=_gpspipe("kill -SEGV $$"), options=GPS
    ),
    "gpspipe garbage": _gps_fault(
        "probe_failed",
        kind="malformed",
        status="unknown",
        break_it=_gpspipe('printf \'{"class":"VERSION"}\\n{"class":"TPV","mode":7}\\n\''),
    ),
    "gpspipe endless": _gps_fault(
        "probe_failed",
        kind="too_large",
        status="unknown",
        break_it=_gpspipe("""exec yes '{"class":"TPV","device":"/dev/x","mode":3}'"""),
    ),
    "gpspipe hanging": _gps_fault(
        "gps_silent", kind="deadline", break_it=_gpspipe("exec sleep 600")
    ),
    "no GPS, none wanted": Fault(status="ok"),
    "gpsd down, none wanted": Fault(status="ok", host=lambda _: FIX, break_it=RigHost.stop_gpsd),
    "PPS without gpsd": Fault(
        status="warning",
        codes=frozenset({"gps_unavailable"}),
        failures=frozenset({("gps", "command")}),
        host=lambda _: {"chrony": ChronyState.REFCLOCK},
        options=GPS,
        judges_gps=True,
    ),
}


@pytest.fixture(scope="module")
def hosts(rig: Rig) -> Iterator[Mapping[str, RigHost]]:
    with broken_hosts(rig, FAULTS) as started:
        yield started


@pytest.fixture(scope="module")
def findings(rig: Rig, hosts: Mapping[str, RigHost]) -> Mapping[str, Future[Finding]]:
    return find_all(rig, FAULTS, targets_of(hosts))


@pytest.mark.parametrize("name", FAULTS)
def test_check_gps_fault_is_named(findings: Mapping[str, Future[Finding]], name: str) -> None:
    assert_named(FAULTS[name], findings[name].result())


@pytest.mark.parametrize("name", FAULTS)
def test_check_says_nothing_of_where_the_receiver_is(
    findings: Mapping[str, Future[Finding]], name: str
) -> None:
    said = repr(findings[name].result().sample)

    assert not [text for text in POSITION_TEXTS if text in said]


def test_check_subject_is_the_receiver(findings: Mapping[str, Future[Finding]]) -> None:
    sample = findings["no fix"].result().sample

    assert [problem["subject"] for problem in sample["problems"]] == [sample["gps"]["device"]]
    assert sample["gps"]["mode"] == "no_fix"
    assert sample["gps"]["satellites_used"] == 0


def test_check_all_receivers_at_once_ends_in_time(
    rig: Rig, hosts: Mapping[str, RigHost], findings: Mapping[str, Future[Finding]]
) -> None:
    healthy = findings["no GPS, none wanted"].result()
    together = find(rig.env(), [host.target for host in hosts.values()])

    assert together[0].exit_status == 2
    assert together[0].took_s < healthy.took_s + DEADLINE_S + GPS_DEADLINE_S + GRACE_S
