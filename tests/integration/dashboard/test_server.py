"""The dashboard's server process: how it starts, serves under abuse, and ends."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ntp_checker.errors import ConfigError
from ntp_checker.web.server import serve
from tests.dashboard import DashboardProcess
from tests.fleet_rows import FleetHost, add_host
from tests.rig.processes import wait_until

STOP_LIMIT_S = 5.0
#: more than the server has threads
SLOW_CLIENTS = 12


@pytest.fixture
def dashboard(database_url: str) -> Iterator[DashboardProcess]:
    with DashboardProcess(database_url) as started:
        yield started


def connect(dashboard: DashboardProcess) -> socket.socket:
    parts = urlsplit(dashboard.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def get(dashboard: DashboardProcess, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(dashboard.url).netloc, timeout=10)
    connection.request("GET", path, headers={"Connection": "close"})
    return connection.getresponse()


def read_status(client: socket.socket) -> bytes:
    with client.makefile("rb") as answer:
        return answer.readline()


def test_server_when_started_then_serves_what_the_database_has(
    dashboard: DashboardProcess, conn: psycopg.Connection
) -> None:
    add_host(conn, FleetHost(name="a"))

    answer = get(dashboard, "/api/latest")

    assert [host["host"] for host in json.load(answer)["hosts"]] == ["a"]


def test_server_when_it_answers_then_names_no_version(dashboard: DashboardProcess) -> None:
    assert not any(digit in (get(dashboard, "/").headers["Server"] or "") for digit in "0123456789")


def test_server_when_told_to_stop_then_ends_in_time(dashboard: DashboardProcess) -> None:
    with connect(dashboard) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in read_status(kept)
        begun = time.monotonic()
        status = dashboard.stop()

    assert status == 0
    assert time.monotonic() - begun < STOP_LIMIT_S


def test_server_when_stopped_then_no_process_is_left(dashboard: DashboardProcess) -> None:
    worker = Path(f"/proc/{dashboard.process.pid}/task/{dashboard.process.pid}/children")
    children = [int(pid) for pid in worker.read_text().split()]
    assert children

    dashboard.stop()

    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_server_when_its_worker_is_killed_then_serves_again(dashboard: DashboardProcess) -> None:
    listed = Path(f"/proc/{dashboard.process.pid}/task/{dashboard.process.pid}/children")
    killed = listed.read_text().split()
    subprocess.run(["kill", "-9", *killed], check=True)

    def is_served_by_another() -> bool:
        try:
            return get(dashboard, "/readyz").status == 200 and listed.read_text().split() != killed
        except OSError:
            return False

    wait_until(is_served_by_another, "another worker serves", timeout_s=20)


def test_server_when_more_slow_clients_than_threads_then_others_are_served(
    dashboard: DashboardProcess,
) -> None:
    slow = [connect(dashboard) for _ in range(SLOW_CLIENTS)]
    try:
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        begun = time.monotonic()

        assert get(dashboard, "/healthz").status == 200
        assert time.monotonic() - begun < 2
    finally:
        for client in slow:
            client.close()


def test_server_when_a_head_comes_in_pieces_then_it_is_served(dashboard: DashboardProcess) -> None:
    with connect(dashboard) as client:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
            client.sendall(bytes([byte]))

        assert b"200" in read_status(client)


def test_server_when_requests_are_pipelined_then_each_is_answered(
    dashboard: DashboardProcess,
) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n%s\r\n"
    with connect(dashboard) as client:
        client.sendall(request % b"" + request % b"Connection: close\r\n")
        with client.makefile("rb") as answer:
            assert answer.read().count(b"200 OK") == 2


def test_server_when_a_head_is_never_finished_then_cut_off(dashboard: DashboardProcess) -> None:
    with connect(dashboard) as client:
        client.settimeout(20)
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost")

        try:
            answer = client.recv(100)
        except ConnectionResetError:
            answer = b""

        assert answer == b""


def test_server_when_a_body_is_huge_then_refused_without_reading_it(
    dashboard: DashboardProcess,
) -> None:
    with connect(dashboard) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n")

        assert b"413" in read_status(client)


def test_server_when_the_port_is_taken_then_one_line_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError) as refused:
            serve(lambda: pytest.fail("not reached"), "127.0.0.1", port)

    assert str(refused.value) == (
        f"NTP_CHECKER_LISTEN: can't listen on 127.0.0.1:{port}: Address already in use"
    )


def test_server_when_its_app_cannot_be_made_then_ends_with_the_reason() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.dashboard", "no connection string", "0"],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode == 1
    assert "DATABASE_URL is no connection string" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
