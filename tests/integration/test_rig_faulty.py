"""The rig's faulty servers and links fail in the way they are named after."""

import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from tests.rig import Cut, FaultyServer, Rig, RigHost, ServerFault, wait_until

LIMIT_S = 5.0


def _connect(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), LIMIT_S)


def _read_all(server: FaultyServer) -> bytes:
    with closing(_connect(server.address, server.port)) as link:
        return b"".join(iter(lambda: link.recv(4096), b""))


def test_http_server_when_connected_then_it_answers_400_and_closes(rig: Rig) -> None:
    assert _read_all(rig.new_faulty_server(ServerFault.HTTP)).startswith(b"HTTP/1.1 400")


def test_closing_server_when_connected_then_the_end_comes_at_once(rig: Rig) -> None:
    assert _read_all(rig.new_faulty_server(ServerFault.CLOSED)) == b""


def test_resetting_server_when_connected_then_reset(rig: Rig) -> None:
    server = rig.new_faulty_server(ServerFault.RESET)

    with pytest.raises(ConnectionResetError):
        _read_all(server)


def test_silent_server_when_connected_then_nothing_comes(rig: Rig) -> None:
    server = rig.new_faulty_server(ServerFault.SILENT)

    with closing(_connect(server.address, server.port)) as link:
        link.settimeout(1.5)
        with pytest.raises(TimeoutError):
            link.recv(1)


def test_dripping_server_when_read_then_a_byte_a_second(rig: Rig) -> None:
    server = rig.new_faulty_server(ServerFault.DRIP)

    with closing(_connect(server.address, server.port)) as link:
        began = time.monotonic()
        words = [link.recv(100) for _ in range(3)]

    assert [len(word) for word in words] == [1, 1, 1]
    assert 1.9 < time.monotonic() - began < 6


def test_endless_server_when_read_then_more_than_a_megabyte_and_no_version(rig: Rig) -> None:
    server = rig.new_faulty_server(ServerFault.ENDLESS_BANNER)

    with closing(_connect(server.address, server.port)) as link:
        come = b""
        while len(come) < 1_000_000:
            come += link.recv(65536)

    assert b"\r\n" in come
    assert b"SSH-" not in come


def test_black_hole_when_connected_then_no_connection(rig: Rig) -> None:
    server = rig.new_faulty_server(ServerFault.BLACK_HOLE)

    with pytest.raises(TimeoutError):
        socket.create_connection((server.address, server.port), 1.5)


@pytest.mark.parametrize("after_bytes", [0, 1, 7])
def test_link_when_it_resets_then_so_many_bytes_came_first(
    rig: Rig, rig_host: Callable[..., RigHost], after_bytes: int
) -> None:
    link = rig.new_faulty_link(rig_host(), Cut.RESET, after_bytes=after_bytes)
    come = b""

    with closing(_connect(link.address, link.port)) as client, suppress(ConnectionResetError):
        while chunk := client.recv(100):
            come += chunk

    assert come == b"SSH-2.0-"[:after_bytes]
    wait_until(lambda: link.cuts == 1, "one cut")


def test_link_when_it_falls_silent_then_neither_end_is_told(
    rig: Rig, rig_host: Callable[..., RigHost]
) -> None:
    link = rig.new_faulty_link(rig_host(), Cut.SILENCE, after_bytes=8)

    with closing(_connect(link.address, link.port)) as client:
        client.settimeout(1.5)
        come = client.recv(100)
        with pytest.raises(TimeoutError):
            client.recv(100)

    assert come == b"SSH-2.0-"
