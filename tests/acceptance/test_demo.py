"""`ntp-checker demo` as a user starts it, with a short history."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import orjson
import pytest

from ntp_checker.embedded_place import Place, server_pid
from tests.acceptance.commands import run
from tests.acceptance.processes import Service, fetch, fetch_json, settings_for, wait_for_page
from tests.rig.processes import wait_until

#: 1.2 hours: more would only be more of the same.
SHORT = ("--days", "0.05")
START_S = 90.0
BANNER = b"Simulated."

Settings = dict[str, str]


@contextmanager
def short_path() -> Iterator[Path]:
    """A folder that the server's account reaches, too; the server in it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="ntpc-demo-", dir="/tmp") as name:
        yield Path(name)
        wait_until(lambda: server_pid(place_in(Path(name))) is None, "no server", timeout_s=20)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with short_path() as folder:
        yield folder


@pytest.fixture(scope="module")
def demo() -> Iterator[Service]:
    """One demo for all tests that only look at it; looks every second."""
    with (
        short_path() as folder,
        Service("demo", *SHORT, settings=settings_for({}, folder)) as service,
    ):
        wait_for_page(service, "/healthz", timeout_s=START_S)
        yield service


def place_in(data_dir: Path) -> Place:
    """Where the demo's PostgreSQL lives."""
    return Place((data_dir / "demo" / "postgresql").resolve())


def latest(service: Service) -> dict[str, Any]:
    """The newest sample of each host."""
    return {one["host"]: one for one in fetch_json(service.settings, "/api/latest")["hosts"]}


def test_demo_when_there_shows_twelve_hosts_in_every_state(demo: Service) -> None:
    hosts = latest(demo)

    assert len(hosts) == 12
    assert {one["status"] for one in hosts.values()} == {"ok", "warning", "critical", "unknown"}
    assert not any(one["stale"] for one in hosts.values())


def test_pages_of_the_demo_say_that_it_is_simulated(demo: Service) -> None:
    page = fetch(demo.settings, "/")

    assert BANNER in page
    assert b"(simulated)</title>" in page
    assert b"gps-bergen" in page


def test_missing_page_of_the_demo_says_that_it_is_simulated(demo: Service) -> None:
    with pytest.raises(HTTPError) as refused:
        fetch(demo.settings, "/nowhere")

    assert BANNER in refused.value.read()


@pytest.mark.parametrize(
    "path", ["/api/latest", "/api/latest?view=summary", "/api/hosts", "/api/offset?range=24h"]
)
def test_answers_of_the_demo_say_that_they_are_simulated(demo: Service, path: str) -> None:
    assert fetch_json(demo.settings, path)["simulated"] is True


def test_errors_of_the_demo_say_that_they_are_simulated(demo: Service) -> None:
    with pytest.raises(HTTPError) as refused:
        fetch(demo.settings, "/api/offset?range=nonsense")

    assert orjson.loads(refused.value.read())["simulated"] is True


def test_chart_of_the_demo_reaches_into_its_past(demo: Service) -> None:
    series = fetch_json(demo.settings, "/api/offset?range=24h&host=db-02")["series"][0]

    assert sum(count > 0 for count in series["n"]) >= 60
    assert max(abs(mean) for mean in series["mean"] if mean is not None) < 1_000_000


def test_alerts_of_the_demo_were_opened_in_its_past_and_told_to_nobody(demo: Service) -> None:
    found = fetch_json(demo.settings, "/api/alerts")

    an_hour_ago = datetime.fromisoformat(found["generated_at"]) - timedelta(hours=1)
    opened = [datetime.fromisoformat(one["opened_at"]) for one in found["alerts"]]
    assert any(opened_at < an_hour_ago for opened_at in opened)
    assert [one["notices"] for one in found["alerts"] if one["notices"]] == []


def test_demo_when_it_runs_goes_on_living(demo: Service) -> None:
    before = {name: one["slot_at"] for name, one in latest(demo).items()}

    def all_newer() -> bool:
        return all(one["slot_at"] > before[name] for name, one in latest(demo).items())

    wait_until(all_newer, "every host was looked at again", timeout_s=20)


def test_second_demo_in_the_same_place_is_refused_in_one_line(demo: Service) -> None:
    refused = run("demo", *SHORT, settings=demo.settings)

    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "another demo runs" in refused.stderr


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_checker_in_the_folder_of_the_demo_is_refused_in_one_line(
    demo: Service, options: tuple[str, ...]
) -> None:
    folder = str(Path(demo.settings["NTP_CHECKER_DATA_DIR"]) / "demo")
    settings = {**demo.settings, "NTP_CHECKER_DATA_DIR": folder, "NTP_CHECKER_HOSTS": "local"}

    refused = run("monitor", *options, settings=settings)

    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "holds simulated samples" in refused.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_READ_URL"])
def test_demo_with_a_given_database_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    settings = settings_for({}, tmp_path, **{name: "postgresql://u:secret@127.0.0.1:9/real"})

    refused = run("demo", settings=settings)

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"ntp-checker: {name} is set")
    assert len(refused.stderr.splitlines()) == 1
    assert "secret" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_when_told_to_stop_leaves_nothing_running(data_dir: Path) -> None:
    settings = settings_for({}, data_dir)
    place = place_in(data_dir)
    with Service("demo", *SHORT, settings=settings) as service:
        wait_for_page(service, "/healthz", timeout_s=START_S)
        assert server_pid(place) is not None

        status, took_s = service.stop()

        assert status == 0, service.log
        assert took_s < 10
        assert "Traceback" not in service.log
        wait_until(lambda: server_pid(place) is None, "the demo's server is gone", timeout_s=20)
        with pytest.raises(OSError, match="refused"):
            fetch(settings, "/healthz")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_demo_stopped_while_it_makes_its_past_leaves_at_once(
    data_dir: Path, number: signal.Signals
) -> None:
    settings = settings_for({}, data_dir, NTP_CHECKER_INTERVAL_S="30")
    with Service("demo", settings=settings) as service:
        service.wait_for("simulating the past", timeout_s=60)

        status, took_s = service.stop(number)

        assert status == 0, service.log
        assert took_s < 10
        assert "Traceback" not in service.log


def test_demo_started_again_begins_anew(data_dir: Path) -> None:
    settings = settings_for({}, data_dir)
    left = data_dir / "demo" / "left"
    with Service("demo", *SHORT, settings=settings) as service:
        wait_for_page(service, "/healthz", timeout_s=START_S)
        left.touch()
        service.stop()
        service.start()
        wait_for_page(service, "/healthz", timeout_s=START_S)

        assert len(latest(service)) == 12
        assert not left.exists()
