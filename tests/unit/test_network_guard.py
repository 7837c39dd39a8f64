import socket

import pytest

from tests.network_guard import NetworkBlockedError


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_connect_when_address_is_elsewhere_then_blocked(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as outward, pytest.raises(NetworkBlockedError):
        outward.connect(("192.0.2.1", 9))


def test_sendto_when_address_is_elsewhere_then_blocked() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward,
        pytest.raises(NetworkBlockedError),
    ):
        outward.sendto(b"x", ("192.0.2.1", 9))


def test_connection_when_name_is_elsewhere_then_blocked_before_its_lookup() -> None:
    with pytest.raises(NetworkBlockedError, match=r"example\.org"):
        socket.create_connection(("example.org", 9))


def test_connect_when_loopback_then_allowed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        accepted, address = server.accept()
        accepted.close()

        assert client.getsockname() == address
