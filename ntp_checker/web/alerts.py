"""Alerts for people and for programs: what is open, what was, and who was told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, render_template, request

from ntp_checker.model import AlertState, ProblemCode
from ntp_checker.store.alert_reads import AlertShown, count_open, read_alerts
from ntp_checker.store.reads import read_clock, reading
from ntp_checker.web.access import Access, access
from ntp_checker.web.acts import may_act
from ntp_checker.web.alert_arguments import FILTER_KEYS, AlertQuery, is_paged, read_alert_query
from ntp_checker.web.alert_export import csv_lines, csv_response, export_alerts
from ntp_checker.web.alert_views import view_alert
from ntp_checker.web.api import QUICK_LIMIT_S
from ntp_checker.web.format import format_iso
from ntp_checker.web.pages import REFRESH_S
from ntp_checker.web.responses import json_response
from ntp_checker.web.services import Services
from ntp_checker.web.timeline import make_timeline


def make_alerts(services: Services) -> Blueprint:
    """/alerts, /api/alerts and its CSV."""
    pages = Blueprint("alerts", __name__)

    def find() -> tuple[datetime, AlertQuery, list[AlertShown]]:
        with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
            now_at = read_clock(connection)
            query = read_alert_query(request.args.to_dict(flat=False), now_at)
            # One more than a page tells whether there is another.
            found = read_alerts(
                connection, query.wanted, now_at, limit=query.limit + 1, skip=query.skip
            )
        return now_at, query, found

    @pages.get("/api/alerts")
    @access(Access.READ)
    def alerts_json() -> Response:
        now_at, query, found = find()
        return json_response(
            {
                "generated_at": format_iso(now_at),
                "page": query.page,
                "has_more": len(found) > query.limit,
                "alerts": [show_alert(alert, now_at) for alert in found[: query.limit]],
            }
        )

    @pages.get("/api/alerts.csv")
    @access(Access.READ)
    def alerts_csv() -> Response:
        if not is_paged(request.args.to_dict(flat=False)):
            return export_alerts(services)
        now_at, query, found = find()
        return csv_response(csv_lines(found[: query.limit], now_at))

    @pages.get("/alerts")
    @access(Access.READ)
    def alerts_page() -> Response:
        now_at, query, found = find()
        with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
            open_count = count_open(connection)
        return make_response(
            render_template(
                "alerts.html",
                **describe_alerts(found, query, now_at, open_count),
                may_act=may_act(services),
            )
        )

    return pages


def describe_alerts(
    found: Sequence[AlertShown], query: AlertQuery, now_at: datetime, open_count: int
) -> dict[str, Any]:
    """All that the page's template shows."""
    given = {key: request.args[key] for key in (*FILTER_KEYS, "page") if request.args.get(key)}
    views = [view_alert(alert, now_at) for alert in found[: query.limit]]
    verdict = f"{open_count or 'No'} {'alert is' if open_count == 1 else 'alerts are'} open"
    return {
        "page_title": f"{verdict} · NTP Checker",
        "verdict": verdict,
        "refresh_s": REFRESH_S,
        "timeline": make_timeline(found[: query.limit], now_at),
        "open": [view for view in views if view.alert.state is AlertState.OPEN],
        "closed": [view for view in views if view.alert.state is AlertState.CLOSED],
        "given": given,
        "codes": [code.value for code in ProblemCode],
        "page": query.page,
        "has_more": len(found) > query.limit,
        "link": lambda **changes: _link(given, changes),
        "csv_link": f"/api/alerts.csv?{urlencode({k: v for k, v in given.items() if k != 'page'})}",
    }


def show_alert(alert: AlertShown, now_at: datetime) -> dict[str, Any]:
    """One alert as /api/alerts has it."""
    shown = asdict(alert)
    del shown["acknowledgement"]
    taken_on = alert.taken_on_at(now_at)
    shown["acknowledged"] = None if taken_on is None else asdict(taken_on)
    return shown


def _link(given: Mapping[str, str], changes: Mapping[str, object]) -> str:
    wanted: dict[str, object] = {**given, **changes}
    pairs = [(key, str(value)) for key, value in wanted.items() if value not in (None, "")]
    return f"/alerts?{urlencode(pairs)}" if pairs else "/alerts"
