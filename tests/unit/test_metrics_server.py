"""The metrics listener on a real socket: formats, probes, and clients that don't behave."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)

from ntp_checker.errors import ConfigError
from ntp_checker.metrics import MetricsServer, open_listener, open_metrics_listener
from ntp_checker.metrics.server import CONNECTIONS_MAX
from tests.rig.processes import wait_until
from tests.scrapes import read, series

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
Serve = Callable[..., str]


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("ntp_checker_tries", "Tries.", registry=made).set(3)
    return made


@pytest.fixture
def serve(registry: CollectorRegistry) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(**probes: Callable[[], bool]) -> str:
            listener = open_listener("127.0.0.1", 0, "TEST")
            named = {f"/{name}": probe for name, probe in probes.items()}
            server = stack.enter_context(MetricsServer(listener, registry, named))
            return f"http://127.0.0.1:{server.port}"

        yield start


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10)


def first_line(url: str, sent: bytes) -> bytes:
    with connect(url) as client, client.makefile("rb") as answer:
        client.sendall(sent)
        return answer.readline()


def test_metrics_when_asked_plainly_then_as_text(serve: Serve) -> None:
    _, body = read(f"{serve()}/metrics")

    assert series(body.decode())["ntp_checker_tries"] == 3


def test_metrics_when_asked_for_openmetrics_then_so(serve: Serve) -> None:
    _, body = read(f"{serve()}/metrics", Accept=OPENMETRICS)

    assert [family.name for family in parse_openmetrics(body.decode())] == ["ntp_checker_tries"]


def test_metrics_when_gzip_is_taken_then_packed(serve: Serve) -> None:
    _, body = read(f"{serve()}/metrics", **{"Accept-Encoding": "gzip"})

    assert b"ntp_checker_tries 3.0" in gzip.decompress(body)


@pytest.mark.parametrize(("answer", "status"), [(True, 200), (False, 503)])
def test_probe_when_asked_then_its_status(serve: Serve, answer: bool, status: int) -> None:
    assert read(f"{serve(healthz=lambda: answer)}/healthz")[0] == status


def test_address_when_there_is_none_then_404(serve: Serve) -> None:
    assert read(f"{serve()}/")[0] == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /metrics SMTP/1.0\r\n\r\n", b"400"),
    ],
)
def test_request_when_it_is_none_of_ours_then_refused(
    serve: Serve, sent: bytes, status: bytes
) -> None:
    assert status in first_line(serve(), sent)


def test_request_when_its_head_has_no_end_then_dropped(serve: Serve) -> None:
    assert first_line(serve(), b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000) == b""


def test_metrics_when_a_collector_fails_then_500_and_probes_go_on(
    serve: Serve, registry: CollectorRegistry
) -> None:
    class Broken:
        def collect(self) -> Iterator[object]:
            raise RuntimeError("on purpose")

    url = serve(healthz=lambda: True)
    registry.register(Broken())  # type: ignore[arg-type]  # on purpose

    assert read(f"{url}/metrics")[0] == 500
    assert read(f"{url}/healthz")[0] == 200


def test_probe_when_metrics_take_long_then_answered_at_once(
    serve: Serve, registry: CollectorRegistry
) -> None:
    is_asked, may_end = threading.Event(), threading.Event()

    class Slow:
        def collect(self) -> list[object]:
            is_asked.set()
            may_end.wait(30)
            return []

    url = serve(healthz=lambda: True)
    registry.register(Slow())  # type: ignore[arg-type]  # on purpose
    with connect(url) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert is_asked.wait(30)
        status, _ = read(f"{url}/healthz")
        may_end.set()

    assert status == 200


def test_clients_when_they_are_silent_then_no_thread_each_and_others_are_served(
    serve: Serve,
) -> None:
    url = serve(healthz=lambda: True)
    read(f"{url}/metrics")  # so that the thread that makes the text is there
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS_MAX):
            client = stack.enter_context(connect(url))
            client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        status, _ = read(f"{url}/healthz")

        assert (status, threading.active_count()) == (200, before)


def test_server_when_ended_then_its_port_is_free(registry: CollectorRegistry) -> None:
    with MetricsServer(open_listener("127.0.0.1", 0, "TEST"), registry) as server:
        port = server.port

    def is_free() -> bool:
        try:
            open_listener("127.0.0.1", port, "TEST").close()
        except ConfigError:
            return False
        return True

    wait_until(is_free, "the port is free")


def test_default_port_when_taken_then_not_served() -> None:
    with open_listener("127.0.0.1", 0, "TEST") as taken:
        port = taken.getsockname()[1]

        assert open_metrics_listener("127.0.0.1", port, "TEST", is_default=True) is None


def test_given_port_when_taken_then_names_the_setting() -> None:
    with open_listener("127.0.0.1", 0, "TEST") as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"^TEST: can't listen on 127\.0\.0\.1:{port}"):
            open_metrics_listener("127.0.0.1", port, "TEST", is_default=False)
