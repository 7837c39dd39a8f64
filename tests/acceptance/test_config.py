"""The settings file: its commands, and a running checker that follows it."""

import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import orjson
import psycopg

from tests.acceptance.commands import run
from tests.acceptance.processes import Service, settings_for
from tests.mounted import MountedFolder
from tests.postgres import PostgresServer
from tests.rig import GpsFeed, Rig, RigHost
from tests.rig.processes import wait_until

StartHost = Callable[..., RigHost]
#: From the swap on, with the writing of the first sample.
CHANGE_S = 30.0


class FileOf:
    """A settings file, replaced as editors and ConfigMaps do: another file in its place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.replace(self.path)


def _hosts(*hosts: RigHost, limits: str = "{}") -> str:
    lines = [f"  - {{target: '{host.target}', limits: {limits}}}\n" for host in hosts]
    return "hosts:\n" + "".join(lines) if lines else "hosts: []\n"


def _slots(url: str, host: RigHost) -> list[float]:
    """Of this host: each slot's number, in intervals of a second."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT extract(epoch FROM slot_at)::float8 FROM metrics.ntp"
            " WHERE slot_at > '2026-01-01' AND host = %s ORDER BY slot_at",
            (host.address,),
        ).fetchall()
    return [slot for (slot,) in rows]


def _watched(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT name FROM metrics.host WHERE removed_at IS NULL AND host_id <> 0"
        ).fetchall()
    return {name for (name,) in rows}


def test_monitor_follows_its_file_and_the_hosts_that_stay_miss_no_slot(
    rig: Rig, rig_host: StartHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    stays, leaves, comes = rig_host(), rig_host(), rig_host()
    url, file = postgres.url(database), FileOf(tmp_path / "hosts.yaml")
    file.write(_hosts(stays, leaves))
    settings = settings_for(
        rig.env(), tmp_path / "data", DATABASE_URL=url, NTP_CHECKER_CONFIG=str(file.path)
    )

    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: _slots(url, stays) and _slots(url, leaves), "both are looked at")
        file.write(_hosts(stays, comes, limits="{offset_warning_s: 1e-9}"))
        monitor.wait_for("new settings are in force")
        wait_until(lambda: _slots(url, comes), "the new host is looked at")
        leaves.wait_no_sessions(timeout_s=10)
        wait_until(lambda: _watched(url) == {stays.address, comes.address}, "the database knows")
        left = len(_slots(url, leaves))
        file.write("hosts: [a b]\nlimits: {offset: 1}\n")
        monitor.wait_for("settings file refused")
        monitor.send(signal.SIGHUP)
        wait_until(
            lambda: monitor.log.count("settings file refused") == 2, "it looked again when told"
        )
        before = len(_slots(url, stays))
        wait_until(lambda: len(_slots(url, stays)) > before + 1, "the good ones stay in force")
        refused = monitor.log
        status, _ = monitor.stop()
        log = monitor.log

    assert status == 0
    assert "Traceback" not in log
    assert "hosts[0]: 'a b' is not a host" in refused
    assert "limits.offset: no such setting; did you mean offset_warning_s or" in refused
    slots = _slots(url, stays)
    assert {round(b - a, 3) for a, b in pairwise(slots)} == {1.0}
    assert len(_slots(url, leaves)) == left
    with psycopg.connect(url) as conn:
        (status_word,) = conn.execute(
            "SELECT status FROM metrics.ntp WHERE slot_at > '2026-01-01' AND host = %s"
            " ORDER BY slot_at DESC LIMIT 1",
            (stays.address,),
        ).fetchone() or ("",)
        (configs,) = conn.execute(
            "SELECT count(*) FROM metrics.host_config JOIN metrics.host USING (host_id)"
            " WHERE name = %s",
            (stays.address,),
        ).fetchone() or (0,)
    assert status_word == "warning"
    assert configs == 2


def test_config_map_when_swapped_then_its_hosts_come_and_go_and_a_broken_one_is_refused(
    rig: Rig, rig_host: StartHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    stays, leaves, comes = rig_host(), rig_host(), rig_host()
    url = postgres.url(database)
    mounted = MountedFolder(tmp_path / "config", **{"hosts.yaml": _hosts(stays, leaves)})
    settings = settings_for(
        rig.env(),
        tmp_path / "data",
        DATABASE_URL=url,
        NTP_CHECKER_CONFIG=str(mounted / "hosts.yaml"),
    )

    with Service("monitor", settings=settings) as monitor:
        wait_until(
            lambda: _slots(url, stays) and _slots(url, leaves), "both are looked at", timeout_s=60
        )
        mounted.write(**{"hosts.yaml": _hosts(stays, comes)})
        wait_until(
            lambda: _slots(url, comes) and _watched(url) == {stays.address, comes.address},
            "one came and one left",
            timeout_s=CHANGE_S,
        )
        mounted.write(**{"hosts.yaml": "hosts: [\n"})
        monitor.wait_for("settings file refused", timeout_s=CHANGE_S)
        seen = len(_slots(url, comes))
        wait_until(lambda: len(_slots(url, comes)) > seen + 1, "the last good one stays")
        mounted.write(**{"hosts.yaml": _hosts(stays)})
        wait_until(
            lambda: _watched(url) == {stays.address}, "a good one is taken", timeout_s=CHANGE_S
        )
        status, _ = monitor.stop()
        log = monitor.log

    assert status == 0
    assert log.count("settings file refused") == 1
    assert {round(b - a, 3) for a, b in pairwise(_slots(url, stays))} == {1.0}


def test_monitor_knows_after_a_restart_that_a_host_has_gps(
    rig: Rig, rig_host: StartHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    host, url = rig_host(gps=GpsFeed.FIX_3D), postgres.url(database)
    settings = settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=host.target,
        NTP_CHECKER_INTERVAL_S="1",
    )

    def has_gps() -> str:
        with psycopg.connect(url) as conn:
            found = conn.execute("SELECT has_gps FROM metrics.host WHERE host_id <> 0").fetchone()
        return str(found[0]) if found else ""

    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: has_gps() == "yes", "it has learnt", timeout_s=60)
        monitor.kill()
        host.remove_program("gpspipe")
        monitor.start()

        def problems() -> str:
            with psycopg.connect(url) as conn:
                found = conn.execute("SELECT sample::text FROM metrics.latest").fetchone()
            return str(found[0]) if found else ""

        wait_until(lambda: "gps_unavailable" in problems(), "its loss is a finding", timeout_s=30)
        monitor.stop()

    assert has_gps() == "yes"


def test_gps_alert_when_the_file_says_that_the_host_has_none_then_no_longer_watched(
    rig: Rig, rig_host: StartHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    host, url = rig_host(), postgres.url(database)
    file = FileOf(tmp_path / "hosts.yaml")
    file.write(f"hosts: [{{target: '{host.target}', has_gps: yes}}]\n")
    settings = settings_for(
        rig.env(), tmp_path / "data", DATABASE_URL=url, NTP_CHECKER_CONFIG=str(file.path)
    )

    def reason(transition: str) -> str:
        with psycopg.connect(url) as conn:
            found = conn.execute(
                "SELECT reason FROM metrics.alert_event"
                " WHERE code = 'gps_unavailable' AND transition = %s",
                (transition,),
            ).fetchone()
        return str(found[0]) if found else ""

    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: reason("opened"), "its GPS is missing", timeout_s=60)
        file.write(f"hosts: [{{target: '{host.target}', has_gps: no}}]\n")
        wait_until(lambda: reason("resolved"), "the alert ends", timeout_s=CHANGE_S)
        monitor.stop()

    assert reason("resolved") == "no longer watched: by its settings the host has no GPS"


def test_config_commands_say_what_is_in_force_and_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text("interval_s: 5\nhosts: [ntp1, {target: u@gps1, role: gps_server}]\n")
    settings = {"NTP_CHECKER_CONFIG": str(file), "DATABASE_URL": "postgresql://u:hunter2@h/db"}

    good = run("config", "check", settings=settings)
    shown = run("config", "show", settings=settings)
    file.write_text("interval_s: NO\nhosts: [ntp1, ntp1]\n")
    bad = run("config", "check", settings=settings)
    schema = run("config", "schema", settings=settings)

    assert (good.returncode, good.stdout) == (0, "ok, 2 hosts\n")
    assert f"interval_s: 5  # {file}:1" in shown.stdout
    assert "hunter2" not in shown.stdout + shown.stderr
    assert bad.returncode == 2
    assert [line.partition(": ")[2].partition(": ")[0] for line in bad.stderr.splitlines()] == [
        f"{file}:1",
        f"{file}:2",
    ]
    assert orjson.loads(schema.stdout)["title"] == "NTP Checker settings"
