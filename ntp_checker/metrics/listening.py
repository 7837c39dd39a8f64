"""Sockets that listen, opened before anything else is started."""

import errno
import socket

import structlog

from ntp_checker.errors import ConfigError

log = structlog.get_logger()

_BACKLOG = 256


def open_listener(host: str, port: int, setting: str) -> socket.socket:
    """A socket that listens there; port 0 takes any free one.

    Raises ConfigError, which names `setting`, where that can't be.
    """
    try:
        return _open(host, port)
    except OSError as err:
        raise _refusal(host, port, setting, err) from err


def open_metrics_listener(
    host: str, port: int, setting: str, *, is_default: bool
) -> socket.socket | None:
    """The same for metrics; None where a default that nobody asked for is taken already.

    A second checker on a machine shall not fail for a port that its user has never heard of.
    """
    try:
        return _open(host, port)
    except OSError as err:
        if is_default and err.errno == errno.EADDRINUSE:
            log.warning(
                "metrics and probes are not served, the default port is taken",
                port=port,
                setting=setting,
            )
            return None
        raise _refusal(host, port, setting, err) from err


def _open(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _refusal(host: str, port: int, setting: str, err: OSError) -> ConfigError:
    return ConfigError(f"{setting}: can't listen on {host}:{port}: {err.strerror or err}")
