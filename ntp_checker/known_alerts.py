"""What the database said last of alerts, as bytes that the spool keeps for when it is away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from ntp_checker.heard import Told
from ntp_checker.model import Alert, SilenceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAlert:
    """An alert that is live, or closed less than a day ago."""

    alert: Alert
    told: Mapping[str, Told]  #: the channels that heard of it


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHost:
    """One host's alerts."""

    judged_until_at: datetime | None  #: slot of the last sample taken in; None before the first
    alerts: tuple[KnownAlert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a batch left behind in the database."""

    hosts: Mapping[str, KnownHost | None]  #: those of the batch; None: no alerts at all
    silences: tuple[SilenceRule, ...]  #: those that hold or are still to come


_host: TypeAdapter[KnownHost] = TypeAdapter(KnownHost)
_silences: TypeAdapter[tuple[SilenceRule, ...]] = TypeAdapter(tuple[SilenceRule, ...])


def encode_alerts(known: KnownHost) -> bytes:
    """The host's alerts as UTF-8 JSON."""
    return _host.dump_json(known)


def decode_alerts(payload: bytes) -> KnownHost:
    """What `encode_alerts` wrote. Raises ValueError if these are not its bytes."""
    try:
        return _host.validate_json(payload)
    except ValidationError as err:
        raise ValueError(f"a host's alerts cannot be read: {err.error_count()} mistakes") from err


def encode_silences(rules: Sequence[SilenceRule]) -> bytes:
    """The silences as UTF-8 JSON."""
    return _silences.dump_json(tuple(rules))


def decode_silences(payload: bytes) -> tuple[SilenceRule, ...]:
    """What `encode_silences` wrote. Raises ValueError if these are not its bytes."""
    try:
        return _silences.validate_json(payload)
    except ValidationError as err:
        raise ValueError(f"silences cannot be read: {err.error_count()} mistakes") from err
