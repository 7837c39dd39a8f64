"""JSON for programs, the chart among them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from ntp_checker.model import Status
from ntp_checker.store.alert_reads import AlertMark, read_marks
from ntp_checker.store.offsets import finest_resolution_s, read_offsets
from ntp_checker.store.reads import (
    FleetNow,
    HostNow,
    find_hosts,
    read_clock,
    read_fleet,
    read_fleet_interval,
    read_fleet_whole,
    read_hosts,
    reading,
)
from ntp_checker.web.access import Access, access
from ntp_checker.web.arguments import BadArgument, read_offset_query, read_view, refuse_unknown
from ntp_checker.web.errors import Busy
from ntp_checker.web.fleet import is_stale
from ntp_checker.web.format import format_iso
from ntp_checker.web.responses import json_response
from ntp_checker.web.services import Services

#: what a page or list may take of the database
QUICK_LIMIT_S = 5.0
#: what a chart may take
CHART_LIMIT_S = 30.0
#: how long a request waits for its turn to compute a chart
CHART_WAIT_S = 10.0

#: alerts that are marked on a chart; of more the worst and newest
MAX_MARKS = 100

#: a sample's keys in the order of the contract; what else it has comes after
_SAMPLE_KEYS = (
    "host",
    "slot_at",
    "taken_at",
    "duration_s",
    "status",
    "error_bound_s",
    "failures",
    "problems",
    "tracking",
    "sources",
    "gps",
)
_LONG_KEYS = ("sources",)


def make_api(services: Services) -> Blueprint:
    """The routes below /api."""
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.get("/latest")
    @access(Access.READ)
    def latest() -> Response:
        view = read_view(request.args.to_dict(flat=False))
        read = read_fleet if view == "summary" else read_fleet_whole
        with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
            fleet = read(connection)
        return json_response(show_latest(fleet, services.interval_s, is_summary=view == "summary"))

    @api.get("/hosts")
    @access(Access.READ)
    def hosts() -> Response:
        refuse_unknown(list(request.args), ())
        with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
            now_at = read_clock(connection)
            known = read_hosts(connection)
        return json_response({"generated_at": format_iso(now_at), "hosts": known})

    @api.get("/offset")
    @access(Access.READ)
    def offset() -> Response:
        with turn_to_compute(services):
            return json_response(compute_offset(services, request.args.to_dict(flat=False)))

    return api


@contextmanager
def turn_to_compute(services: Services) -> Iterator[None]:
    """Waits for a turn, so that charts never hold all threads. Raises Busy."""
    if not services.charts_asked.acquire(blocking=False):
        services.metrics.chart_refused()
        raise Busy("too many charts are asked for at once")
    try:
        if not services.charts.acquire(timeout=CHART_WAIT_S):
            services.metrics.chart_refused()
            raise Busy("the charts before this one take too long")
        try:
            yield
            services.metrics.chart_computed()
        finally:
            services.charts.release()
    finally:
        services.charts_asked.release()


def compute_offset(services: Services, arguments: dict[str, list[str]]) -> dict[str, Any]:
    """The body of /api/offset. Raises BadArgument, with status 404 for an unknown host."""
    with reading(services.read_pool, limit_s=CHART_LIMIT_S) as connection:
        now_at = read_clock(connection)
        query = read_offset_query(arguments, now_at)
        found = find_hosts(connection, query.hosts) if query.hosts else {}
        for name in query.hosts:
            if name not in found:
                raise BadArgument(f"there is no host {name!r}", code="unknown_host", status=404)
        if query.hosts:
            interval_s = max(found[name][1] or services.interval_s for name in query.hosts)
        else:
            interval_s = read_fleet_interval(connection) or services.interval_s
        window = query.window(max(interval_s, finest_resolution_s(connection, query.from_at)))
        series = read_offsets(connection, window, [(found[name][0], name) for name in query.hosts])
        from_at = datetime.fromtimestamp(window.from_s, UTC)
        to_at = min(now_at, datetime.fromtimestamp(window.to_s, UTC))
        marks = read_marks(connection, query.hosts, from_at, to_at, limit=MAX_MARKS + 1)
    return {
        "range": query.range_name,
        "resolution_s": window.resolution_s,
        "generated_at": format_iso(now_at),
        "unit": "ns",
        "series": [asdict(one) for one in series],
        "alerts": [_show_mark(mark, from_at, to_at) for mark in marks[:MAX_MARKS]],
        "more_alerts": len(marks) > MAX_MARKS,
    }


def _show_mark(mark: AlertMark, from_at: datetime, to_at: datetime) -> dict[str, Any]:
    """When an alert was open, as far as the chart shows it; epoch seconds, as its `t` are."""
    closed_at = mark.closed_at or to_at
    return {
        "host": mark.host,
        "code": mark.code,
        "subject": mark.subject,
        "severity": mark.severity,
        "from": int(max(mark.opened_at, from_at).timestamp()),
        "to": int(min(closed_at, to_at).timestamp()),
        "is_open": mark.closed_at is None,
    }


def show_latest(fleet: FleetNow, interval_s: float, *, is_summary: bool) -> dict[str, Any]:
    """The body of /api/latest."""
    hosts = [_show_host(host, fleet.now_at, interval_s) for host in fleet.hosts]
    if is_summary:
        for host in hosts:
            for key in _LONG_KEYS:
                host.pop(key, None)
    return {"generated_at": format_iso(fleet.now_at), "hosts": hosts}


def _show_host(host: HostNow, now_at: datetime, interval_s: float) -> dict[str, Any]:
    """One host's newest sample; a host without one is shown as unknown and stale."""
    sample = host.sample or {"host": host.name, "failures": [], "problems": []}
    shown: dict[str, Any] = {key: sample.get(key) for key in _SAMPLE_KEYS}
    shown.update(sample)
    shown["status"] = (host.status or Status.UNKNOWN).value
    age_s = None if host.slot_at is None else (now_at - host.slot_at).total_seconds()
    shown["age_s"] = None if age_s is None else round(age_s, 3)
    shown["stale"] = is_stale(age_s, host.interval_s or interval_s)
    return shown
