"""The settings in force as text for people: each with where it is from, no secret in it."""

import re
from collections.abc import Iterator
from dataclasses import fields
from urllib.parse import urlsplit

from ntp_checker.config.configuration import DEFAULT_ORIGIN, Configuration
from ntp_checker.config.settings import SCALAR_FIELDS, SECRETS
from ntp_checker.model import ChannelSettings, HasGps, Host, Limits, Route

MASK = "***"
#: libpq takes these as parameters of the URL, too.
_SECRET_PARAMETER = re.compile(r"(?i)([?&](?:ssl)?password=)[^&#]*")


def mask_url(url: str) -> str:
    """The URL without its password; MASK alone where there may be one that is not found."""
    try:
        has_password = urlsplit(url).password is not None
    except ValueError:
        return MASK
    scheme, _, rest = url.partition("://")
    authority, at, tail = rest.rpartition("@")
    if at:
        user = authority.partition(":")[0]
        authority = f"{user}:{MASK}" if has_password or ":" in authority else user
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", f"{scheme}://{authority}{at}{tail}")


def mask_path(url: str) -> str:
    """The URL without all that follows its server: there may be a token anywhere in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{MASK}"


def show_lines(configuration: Configuration) -> Iterator[str]:
    """`setting: value  # from where`, then each host with what differs from the defaults."""
    settings, origins = configuration.settings, configuration.origins
    for name in SCALAR_FIELDS:
        value = getattr(settings, name)
        text = "none" if value is None else str(value)
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, float):
            text = f"{value:g}"
        elif name == "heartbeat_url" and value is not None:
            text = mask_path(text)
        elif name in SECRETS and value is not None:
            text = mask_url(text) if name.endswith("_url") else MASK
        if name == "deadline_s" and value is None:
            text = f"{settings.look_deadline_s:g}"
        elif name == "metrics_listen" and value is None:
            text = (
                f"{settings.checker_metrics_listen}, dashboard {settings.dashboard_metrics_listen}"
            )
        yield f"{name}: {text}  # {origins[name]}"
    yield f"users: {len(settings.users)}  # {origins['users']}"
    for user in settings.users:
        yield f"  - {user.name}: {user.role.value}"
    yield f"channels: {len(settings.channels)}"
    for channel in settings.channels:
        yield _channel_line(channel)
    yield f"routes: {len(settings.routes)}"
    for route in settings.routes:
        yield f"  - {_ways(route)}: {_condition(route)}"
    yield f"hosts: {len(settings.hosts)}  # {origins['hosts']}"
    for host in settings.hosts:
        yield _host_line(host)
        yield from _limit_lines(configuration, host)


def _channel_line(channel: ChannelSettings) -> str:
    """Where it leads; a URL may be a secret, but for a webhook's server and apprise's service."""
    where = (
        ", ".join(channel.recipients)
        or ", ".join(url.partition("://")[0] for url in channel.urls)
        or urlsplit(channel.url or "").hostname
        or "default"
    )
    return f"  - {channel.name}: {channel.kind.value} to {where}"


def _ways(route: Route) -> str:
    """Its channels, and those that hear where one of them can't for long."""
    channels = ", ".join(route.channels)
    return f"{channels}, else {', '.join(route.fallback)}" if route.fallback else channels


def _condition(route: Route) -> str:
    words = [
        *sorted(f"group {group}" for group in route.groups),
        *sorted(severity.value for severity in route.severities),
        *sorted(code.value for code in route.codes),
    ]
    if route.hours is not None:
        words.append(f"{route.hours.begins:%H:%M} to {route.hours.ends:%H:%M}, {route.hours.zone}")
    return ", ".join(words) or "everything"


def _host_line(host: Host) -> str:
    words = [f"  - {host.name}: {host.target}", f"role {host.role.value}"]
    if host.group is not None:
        words.append(f"group {host.group}")
    if host.has_gps is not HasGps.AUTO:
        words.append(f"has_gps {host.has_gps.value}")
    return ", ".join(words)


def _limit_lines(configuration: Configuration, host: Host) -> Iterator[str]:
    """Limits that are not those of a plain server, and who says so."""
    given, plain = configuration.given_limits.get(host.name, {}), Limits()
    for field in fields(Limits):
        value = getattr(host.limits, field.name)
        if field.name in given:
            origin = given[field.name].place.origin
        elif value != getattr(plain, field.name):
            origin = f"{DEFAULT_ORIGIN} of role {host.role.value}"
        else:
            continue
        text = str(value).lower() if isinstance(value, bool) else f"{value}"
        if isinstance(value, float):
            text = f"{value:g}"
        yield f"      {field.name}: {text}  # {origin}"
