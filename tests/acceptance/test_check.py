"""`ntp-checker check` against real sshd, chronyd and gpsd: code, status and exit of each state."""

from collections.abc import Callable

import pytest

from tests.acceptance.commands import check_json, codes, run
from tests.rig import ChronyState, GpsFeed, Rig, RigHost

StartHost = Callable[..., RigHost]


def test_check_healthy_host_with_gps_is_ok(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)

    status, [sample] = check_json(host.target, settings=rig.env())

    assert status == 0
    assert sample["status"] == "ok"
    assert sample["problems"] == sample["failures"] == []
    assert sample["gps"]["mode"] == "fix_3d"
    assert 0 < sample["error_bound_s"] < 0.1
    assert [source["state"] for source in sample["sources"]].count("selected") == 1


@pytest.mark.parametrize("offset_s", [0.25, -0.25])
def test_check_clock_off_by_a_quarter_second_is_critical_with_its_sign(
    rig: Rig, rig_host: StartHost, offset_s: float
) -> None:
    host = rig_host(clock_offset_s=offset_s)

    status, [sample] = check_json(host.target, settings=rig.env())

    assert status == 2
    assert sample["status"] == "critical"
    assert sample["tracking"]["system_offset_s"] == pytest.approx(offset_s, abs=0.001)
    problem = next(p for p in sample["problems"] if p["code"] == "offset_high")
    assert problem["severity"] == "critical"
    assert problem["value"] == pytest.approx(0.25, abs=0.001)
    assert problem["limit"] == 0.05
    assert ("ahead" if offset_s > 0 else "behind") in problem["text"]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (ChronyState.NEVER_SYNCHRONISED, "unsynchronised"),
        (ChronyState.NO_SOURCES, "no_sources"),
        (ChronyState.DOWN, "chronyd_down"),
    ],
)
def test_check_host_without_time_is_critical_and_makes_no_offset(
    rig: Rig, rig_host: StartHost, state: ChronyState, code: str
) -> None:
    host = rig_host(chrony=state)

    status, [sample] = check_json(host.target, settings=rig.env())

    assert status == 2
    assert sample["status"] == "critical"
    assert code in codes(sample)
    assert "offset_high" not in codes(sample)
    assert sample["error_bound_s"] is None


def test_check_host_key_changed_is_unknown_and_never_accepted(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.change_host_key()

    for _ in range(2):  # a second look finds it just as wrong
        status, [sample] = check_json(host.target, settings=rig.env())

        assert status == 3
        assert sample["status"] == "unknown"
        assert codes(sample) == {"host_key_changed"}
        assert [(f["part"], f["kind"]) for f in sample["failures"]] == [("login", "host_key")]
        assert sample["tracking"] is sample["sources"] is None


def test_check_host_never_seen_before_is_refused_and_names_trust(
    rig: Rig, rig_host: StartHost, tmp_path_factory: pytest.TempPathFactory
) -> None:
    host = rig_host()
    nobody = tmp_path_factory.mktemp("empty") / "known_hosts"
    settings = rig.env() | {"NTP_CHECKER_SSH_KNOWN_HOSTS_PATH": str(nobody)}

    status, [sample] = check_json(host.target, settings=settings)

    assert status == 3
    assert codes(sample) == {"login_refused"}
    assert f"ntp-checker trust {host.target}" in sample["problems"][0]["text"]
    assert not nobody.exists()


def test_check_key_refused_is_unknown(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host()
    host.revoke_key()

    status, [sample] = check_json(host.target, settings=rig.env())

    assert status == 3
    assert sample["status"] == "unknown"
    assert codes(sample) == {"login_refused"}
    assert sample["failures"][0]["kind"] == "auth"


def test_check_connection_refused_is_unknown(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host()
    host.stop_sshd()

    status, [sample] = check_json(host.target, settings=rig.env())

    assert status == 3
    assert codes(sample) == {"host_unreachable"}
    assert sample["failures"][0]["kind"] == "unreachable"


def test_check_several_hosts_exits_with_the_worst(rig: Rig, rig_host: StartHost) -> None:
    good, unreachable, wrong = rig_host(), rig_host(), rig_host(clock_offset_s=0.25)
    unreachable.stop_sshd()

    status, samples = check_json(good.target, unreachable.target, wrong.target, settings=rig.env())

    assert [sample["status"] for sample in samples] == ["ok", "unknown", "critical"]
    assert status == 2


def test_check_plugin_line_carries_state_and_perfdata(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host(clock_offset_s=0.25)

    done = run("check", "--plugin", host.target, settings=rig.env())

    words, _, data = done.stdout.partition(" | ")
    assert done.returncode == 2
    assert done.stdout.count("\n") == 1
    assert words.startswith("NTP CRITICAL - ")
    assert "clock is 250 ms ahead, limit 50 ms" in words
    offset = data.split()[0]
    assert offset.startswith("'offset'=0.25")
    assert offset.endswith("s;-0.01:0.01;-0.05:0.05")


def test_check_gps_missing_is_named_only_where_gps_is_wanted(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host(gps=GpsFeed.NO_GPSPIPE)

    without, _ = check_json(host.target, settings=rig.env())
    wanted, [sample] = check_json(host.target, settings=rig.env(), options=("--gps",))

    assert without == 0
    assert wanted == 1
    assert codes(sample) == {"gps_unavailable"}


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ((), {}),
        (("--nonsense", "host"), {}),
        (("-oProxyCommand=touch x",), {}),
        (("a;id",), {}),
        (("host",), {"NTP_CHECKER_INTERVAL_S": "-1"}),
        (("host",), {"NTP_CHECKER_SSH_KEY_PATH": "/nonexistent/key"}),
    ],
)
def test_check_that_cannot_start_exits_3_in_words(
    arguments: tuple[str, ...], settings: dict[str, str]
) -> None:
    done = run("check", *arguments, settings=settings)

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr != ""
    assert "Traceback" not in done.stderr
