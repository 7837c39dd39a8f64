"""A receiver that is whole seconds or weeks wrong while it has a fix: code, status and exit."""

import json
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from datetime import UTC, datetime

import pytest

from tests.acceptance.faults import (
    Fault,
    Finding,
    assert_named,
    broken_hosts,
    find_all,
    targets_of,
)
from tests.rig import ChronyState, GpsFeed, Rig, RigHost, wait_until

pytestmark = pytest.mark.timeout(300)

#: A GPS week number has ten bits. gpsd mends a receiver that fell back, not one that runs ahead.
WEEKS_1024_S = 1024 * 7 * 86400


def _reported_offset_s(host: RigHost) -> float | None:
    """How far the newest TPV's time is ahead of ours, as gpsd says it."""
    with (
        suppress(ConnectionError, TimeoutError),
        closing(socket.create_connection(("127.0.0.1", host.gpsd.port), 3.0)) as link,
    ):
        link.sendall(b'?WATCH={"enable":true,"json":true};\n')
        with link.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                report = json.loads(line)
                if report["class"] == "TPV" and "time" in report:
                    told = datetime.fromisoformat(report["time"]).timestamp()
                    return told - datetime.now(UTC).timestamp()
    return None


def _wrong_by(offset_s: float) -> Callable[[RigHost], None]:
    """The receiver's own UTC is off, and gpsd passes that on."""

    def set_wrong(host: RigHost) -> None:
        host.gpsd.change_time_offset(offset_s)
        wait_until(
            lambda: abs((_reported_offset_s(host) or 0.0) - offset_s) < 0.9,
            f"TPV is {offset_s} s off",
            timeout_s=30,
        )

    return set_wrong


def _wrong(offset_s: float, **more: object) -> Fault:
    return Fault(
        status="critical",
        codes=frozenset({"gps_time_wrong"}),
        host=lambda _: {"gps": GpsFeed.FIX_3D, **more},
        break_it=_wrong_by(offset_s),
        judges_gps=True,
    )


FAULTS = {
    "right": Fault(status="ok", host=lambda _: {"gps": GpsFeed.FIX_3D}, judges_gps=True),
    "one second ahead": _wrong(1.0),
    "one second behind": _wrong(-1.0),
    "1024 weeks ahead": _wrong(WEEKS_1024_S),
    "one second ahead beside a right PPS": _wrong(1.0, chrony=ChronyState.REFCLOCK),
    "a tenth of a second ahead": Fault(
        status="ok",
        host=lambda _: {"gps": GpsFeed.FIX_3D},
        break_it=lambda host: host.gpsd.change_time_offset(0.1),
        judges_gps=True,
    ),
}


@pytest.fixture(scope="module")
def findings(rig: Rig) -> Mapping[str, Future[Finding]]:
    with broken_hosts(rig, FAULTS) as hosts:
        return find_all(rig, FAULTS, targets_of(hosts))


@pytest.mark.parametrize("name", FAULTS)
def test_check_receiver_time_is_judged(findings: Mapping[str, Future[Finding]], name: str) -> None:
    assert_named(FAULTS[name], findings[name].result())


@pytest.mark.parametrize("name", ["one second ahead", "one second behind"])
def test_check_subject_of_a_wrong_time_is_the_receiver(
    findings: Mapping[str, Future[Finding]], name: str
) -> None:
    sample = findings[name].result().sample

    assert [problem["subject"] for problem in sample["problems"]] == [sample["gps"]["device"]]
