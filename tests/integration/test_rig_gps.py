"""The rig's receivers are what they say: seen with gpspipe over SSH."""

import json
from collections.abc import Callable

import pytest

from tests.rig import GpsFeed, Rig, RigHost, wait_until
from tests.rig.nmea import POSITION_TEXTS
from tests.rig.session import run_on

StartHost = Callable[..., RigHost]


def _gpspipe(rig: Rig, host: RigHost) -> list[dict[str, object]]:
    """The reports of three seconds, read over SSH."""
    run = run_on(rig, host, "timeout 10 gpspipe -w -x 3")
    assert run.returncode == 0, run
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize(
    ("feed", "mode", "used"),
    [(GpsFeed.FIX_3D, 3, 8), (GpsFeed.FIX_2D, 2, 3), (GpsFeed.NO_FIX, 1, 0)],
)
def test_receiver_when_it_sees_satellites_then_gpsd_reports_mode_and_used(
    rig: Rig, rig_host: StartHost, feed: GpsFeed, mode: int, used: int
) -> None:
    reports = _gpspipe(rig, rig_host(gps=feed))
    modes = {report["mode"] for report in reports if report["class"] == "TPV"}
    counts = {(r["uSat"], r["nSat"]) for r in reports if r["class"] == "SKY"}

    assert modes == {mode}
    assert counts == {(used, 11)}


def test_receiver_when_the_sky_is_empty_then_there_is_no_sky_report(
    rig: Rig, rig_host: StartHost
) -> None:
    reports = _gpspipe(rig, rig_host(gps=GpsFeed.EMPTY_SKY))

    assert {report["mode"] for report in reports if report["class"] == "TPV"} == {1}
    assert not [report for report in reports if report["class"] == "SKY"]


@pytest.mark.parametrize("feed", [GpsFeed.SILENT, GpsFeed.GARBAGE])
def test_receiver_when_silent_or_garbled_then_the_three_header_reports_only(
    rig: Rig, rig_host: StartHost, feed: GpsFeed
) -> None:
    reports = _gpspipe(rig, rig_host(gps=feed))

    assert [report["class"] for report in reports] == ["VERSION", "DEVICES", "WATCH"]


def test_receiver_when_its_feed_changes_then_gpsd_loses_the_fix(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)
    host.gpsd.change_feed(GpsFeed.NO_FIX)
    wait_until(
        lambda: {r.get("mode") for r in _gpspipe(rig, host) if r["class"] == "TPV"} == {1},
        "TPV mode 1",
        timeout_s=20,
    )


def test_receiver_when_it_has_a_fix_then_gpsd_tells_the_known_position(
    rig: Rig, rig_host: StartHost
) -> None:
    run = run_on(rig, rig_host(gps=GpsFeed.FIX_3D), "timeout 10 gpspipe -w -x 2")

    assert all(text in run.stdout for text in POSITION_TEXTS if "." in text[:3])


def test_gpspipe_when_gpsd_is_down_then_it_could_not_connect(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)
    host.stop_gpsd()
    run = run_on(rig, host, "gpspipe -w -x 3")

    assert run.returncode == 1
    assert "could not connect to gpsd" in run.stderr


def test_gpspipe_when_not_installed_then_not_found(rig: Rig, rig_host: StartHost) -> None:
    run = run_on(rig, rig_host(gps=GpsFeed.NO_GPSPIPE), "gpspipe -w -x 3")

    assert run.returncode == 127
