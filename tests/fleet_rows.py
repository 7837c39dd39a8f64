"""Puts a fleet into a database through SQL, for tests of what reads it: no checker is involved."""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

STATUS_NUMBERS = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
_ADD_HOST = """
INSERT INTO metrics.host (name, target, role, has_gps) VALUES (%s, %s, 'server', 'auto')
RETURNING host_id
"""
_SET_CONFIG = """
INSERT INTO metrics.host_config (host_id, valid_from, config) VALUES (%s, '2026-01-01Z', %s)
"""
_SET_LATEST = """
INSERT INTO metrics.latest (host_id, status, slot_at, lease_epoch, sample, sources, satellites)
VALUES (%s, %s, %s, 1, %s, %s, %s)
ON CONFLICT (host_id) DO UPDATE
   SET status = excluded.status, slot_at = excluded.slot_at, sample = excluded.sample,
       sources = excluded.sources, satellites = excluded.satellites
"""
_COPY_SAMPLES = """
COPY metrics.ntp_parent (host_id, slot_at, taken_at, warning_bits, critical_bits, status,
                         system_offset_s, error_bound_s, stratum, leap) FROM STDIN
"""


@dataclass(kw_only=True)
class FleetHost:
    """One host to be inserted; the defaults are those of a good one."""

    name: str
    status: str = "ok"
    age_s: float | None = 5.0  #: of the newest sample; None for a host without one
    offset_s: float | None = 12.3e-6  #: None: tracking could not be had
    error_bound_s: float | None = 2.1e-3
    stratum: int = 2
    source: str | None = "192.0.2.1"
    reach: int = 255
    gps: Mapping[str, Any] | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    interval_s: float | None = 30.0


def problem(code: str, text: str, severity: str = "critical") -> dict[str, Any]:
    """One problem as the contract shows it."""
    return {
        "code": code,
        "subject": "",
        "severity": severity,
        "value": None,
        "limit": None,
        "unit": "",
        "text": text,
    }


def gps_report(mode: str, used: int, seen: int) -> dict[str, Any]:
    """A GPS report as `latest` keeps it: without satellites."""
    return {
        "device": "/dev/ttyS0",
        "taken_at": "2026-01-02T03:04:05.000000Z",
        "age_s": 1.2,
        "mode": mode,
        "time": "2026-01-02T03:04:04.000000Z",
        "satellites_used": used,
        "satellites_seen": seen,
        "hdop": 0.8,
        "tdop": 0.6,
    }


def add_host(connection: psycopg.Connection, host: FleetHost) -> int:
    """Inserts the host and, if it has one, its newest sample. Returns its number."""
    row = connection.execute(_ADD_HOST, (host.name, f"time@{host.name}")).fetchone()
    assert row is not None
    host_id: int = row[0]
    if host.interval_s is not None:
        config = json.dumps({"interval_s": host.interval_s})
        connection.execute(_SET_CONFIG, (host_id, config))
    if host.age_s is not None:
        put_latest(connection, host_id, host)
    return host_id


def put_latest(connection: psycopg.Connection, host_id: int, host: FleetHost) -> None:
    """Makes this the host's newest sample."""
    now_row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert now_row is not None
    assert host.age_s is not None
    slot_at = now_row[0] - timedelta(seconds=host.age_s)
    satellites = [satellite(number) for number in range(3)] if host.gps else None
    sources = None if host.source is None else sources_of(host)
    values = (
        host_id,
        STATUS_NUMBERS[host.status],
        slot_at,
        json.dumps(sample_of(host, slot_at)),
        None if sources is None else json.dumps(sources),
        None if satellites is None else json.dumps(satellites),
    )
    connection.execute(_SET_LATEST, values)


def sample_of(host: FleetHost, slot_at: datetime) -> dict[str, Any]:
    """The contract's JSON without the long lists."""
    taken = slot_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "host": host.name,
        "slot_at": taken,
        "taken_at": taken,
        "duration_s": 0.012,
        "host_time_at": taken,
        "status": host.status,
        "error_bound_s": host.error_bound_s,
        "failures": host.failures,
        "problems": host.problems,
        "tracking": None if host.offset_s is None else tracking_of(host, taken),
        "gps": host.gps,
    }


def tracking_of(host: FleetHost, taken: str) -> dict[str, Any]:
    return {
        "refid": "C0000201",
        "ref_name": host.source,
        "stratum": host.stratum,
        "ref_time": taken,
        "system_offset_s": host.offset_s,
        "last_offset_s": host.offset_s,
        "rms_offset_s": 15.1e-6,
        "freq_ppm": -3.213,
        "resid_freq_ppm": 0.001,
        "skew_ppm": 0.021,
        "root_delay_s": 0.001203131,
        "root_dispersion_s": 0.000320001,
        "update_interval_s": 64.2,
        "leap": "normal",
    }


def sources_of(host: FleetHost) -> list[dict[str, Any]]:
    mode = "server" if host.source and "." in host.source else "refclock"
    addresses = [(mode, "selected", host.source), ("server", "combined", "192.0.2.77")]
    return [
        {
            "mode": mode,
            "state": state,
            "address": address,
            "stratum": 1,
            "poll_log2_s": 6,
            "reach": host.reach,
            "last_rx_s": 21,
            "offset_s": host.offset_s,
            "measured_offset_s": host.offset_s,
            "error_s": 0.0009,
            "std_dev_s": 0.00001,
            "samples": 12,
        }
        for mode, state, address in addresses
    ]


def satellite(number: int) -> dict[str, Any]:
    return {
        "gnssid": 0,
        "svid": number + 1,
        "used": True,
        "snr_dbhz": 41.0,
        "elevation_deg": 61,
        "azimuth_deg": 120,
    }


def put_samples(
    connection: psycopg.Connection,
    host_id: int,
    offsets: Mapping[datetime, float | None],
) -> None:
    """One row per slot; an offset of None is a clock that was not set: it has no error bound."""
    with connection.cursor().copy(_COPY_SAMPLES) as copy:
        for slot_at, offset_s in offsets.items():
            bound_s = None if offset_s is None else abs(offset_s) + 0.002
            status = 3 if offset_s is None else 0
            shown_s = 0.0 if offset_s is None else offset_s
            stratum, leap = (0, 3) if offset_s is None else (2, 0)
            copy.write_row(
                (host_id, slot_at, slot_at, 0, 0, status, shown_s, bound_s, stratum, leap)
            )


def make_partitions(connection: psycopg.Connection, first_at: datetime) -> None:
    """Daily partitions from that day to tomorrow."""
    day = first_at.astimezone(UTC).date()
    while day <= datetime.now(UTC).date() + timedelta(days=1):
        connection.execute("SELECT metrics.create_daily_partition(%s)", (day,))
        day += timedelta(days=1)


def wandering_offsets(
    *, until_at: datetime, length: timedelta, interval_s: int, size_s: float, seed: int
) -> dict[datetime, float | None]:
    """A plausible clock: a daily swing, noise, an excursion now and then, a hole of two hours."""
    chance = random.Random(seed)
    steps = int(length.total_seconds()) // interval_s
    offsets: dict[datetime, float | None] = {}
    end_s = int(until_at.timestamp()) // interval_s * interval_s
    phase = chance.random() * 6
    hole_ends_s = end_s - length.total_seconds() * 0.4
    for step in range(steps):
        at_s = end_s - step * interval_s
        if hole_ends_s - length.total_seconds() / 12 < at_s < hole_ends_s:
            continue
        swing = 0.6 * size_s * math.sin(at_s / 86400 * math.tau + phase)
        wild = 6 if chance.random() < 0.004 else 1
        slot_at = datetime.fromtimestamp(at_s, UTC)
        offsets[slot_at] = swing + chance.gauss(0, size_s / 3) * wild
    return offsets
