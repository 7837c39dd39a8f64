"""The pages for people. All of a page's state is in its address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, make_response, render_template, request

from ntp_checker.model import Status
from ntp_checker.store.alert_reads import read_open_by_host
from ntp_checker.store.reads import FleetNow, HostNow, read_fleet, reading
from ntp_checker.web.access import Access, access
from ntp_checker.web.alert_views import view_open
from ntp_checker.web.api import QUICK_LIMIT_S
from ntp_checker.web.arguments import CUSTOM_RANGE, DEFAULT_RANGE, RANGE_WORDS, RANGES
from ntp_checker.web.fleet import (
    HostView,
    SortKey,
    State,
    all_stale,
    count_states,
    describe_fleet,
    newest_age_s,
    select_hosts,
    shown_state,
)
from ntp_checker.web.format import format_age, format_offset, format_seconds
from ntp_checker.web.responses import accepts_gzip
from ntp_checker.web.services import Services

#: how often the page looks for something new
REFRESH_S = 30
ROWS_PER_PAGE = 200
_QUERY_MAX_LENGTH = 100
_STATIC_CACHE = "public, max-age=31536000, immutable"
_THEMES = ("auto", "light", "dark")
_LINK_KEYS = ("state", "q", "sort", "page", "range", "from", "to", "host", "clip")
_STATE_WORDS = {
    State.OK: "OK",
    State.WARNING: "Warning",
    State.CRITICAL: "Critical",
    State.UNKNOWN: "Unknown",
    State.STALE: "Stale",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table of hosts."""

    title: str
    css: str
    sort: SortKey | None = None
    order: str = "descending"  #: as ARIA says it


_COLUMNS = (
    Column(title="State", css="c-state", sort=SortKey.WORST),
    Column(title="Host", css="c-host", sort=SortKey.HOST, order="ascending"),
    Column(title="Offset", css="c-num", sort=SortKey.OFFSET),
    Column(title="Error bound", css="c-num", sort=SortKey.BOUND),
    Column(title="Stratum", css="c-num", sort=SortKey.STRATUM),
    Column(title="Source", css="c-source"),
    Column(title="Reach", css="c-reach"),
    Column(title="GPS", css="c-gps"),
    Column(title="Age", css="c-num", sort=SortKey.AGE),
    Column(title="Problem", css="c-problem"),
)

Choice = TypeVar("Choice", bound=StrEnum)


def make_pages(services: Services) -> Blueprint:
    """/, its part that is refreshed, and the static files."""
    pages = Blueprint("pages", __name__)

    @pages.app_context_processor
    def everywhere() -> dict[str, Any]:
        theme = request.cookies.get("theme", "auto")
        return {
            "asset": services.assets.url,
            "theme": theme if theme in _THEMES else "auto",
            "version": services.version,
            "simulated": services.is_simulated,
            "command": services.command,
        }

    @pages.get("/")
    @access(Access.READ)
    def overview() -> Response:
        return _page("overview.html", services)

    @pages.get("/fragments/fleet")
    @access(Access.READ)
    def fleet_fragment() -> Response:
        return _page("fleet_fragment.html", services)

    @pages.get("/static/<name>")
    @access(Access.PUBLIC)
    def static_file(name: str) -> Response:
        asset = services.assets.named(name)
        if asset is None:
            abort(404)
        response = Response(asset.body, content_type=asset.content_type)
        response.vary.add("Accept-Encoding")
        response.headers["Cache-Control"] = _STATIC_CACHE
        if accepts_gzip():
            response.set_data(asset.body_gzip)
            response.headers["Content-Encoding"] = "gzip"
        return response

    return pages


def _page(template: str, services: Services) -> Response:
    with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
        open_alerts = read_open_by_host(connection)
        fleet = read_fleet(connection)
    return make_response(
        render_template(
            template,
            **describe(fleet, services.interval_s, request.args),
            open_alerts={host: view_open(one, fleet.now_at) for host, one in open_alerts.items()},
        )
    )


def describe(fleet: FleetNow, interval_s: float, arguments: Mapping[str, str]) -> dict[str, Any]:
    """All that the overview's templates show but for alerts; what is not understood is left out."""
    hosts = [view_host(host, fleet, interval_s) for host in fleet.hosts]
    if not hosts:
        return {"empty": True, "refresh_s": REFRESH_S, "page_title": "No host yet · NTP Checker"}
    state = _choice(State, arguments.get("state"))
    sort = _choice(SortKey, arguments.get("sort")) or SortKey.WORST
    query = arguments.get("q", "").strip()[:_QUERY_MAX_LENGTH]
    chosen = select_hosts(hosts, state=state, query=query, sort=sort)
    page_count = max(1, -(-len(chosen) // ROWS_PER_PAGE))
    page = min(_page_number(arguments.get("page")), page_count)
    sentence = describe_fleet(hosts)
    given = {key: arguments[key] for key in _LINK_KEYS if arguments.get(key)}
    chart_range = arguments.get("range", DEFAULT_RANGE)
    if chart_range not in RANGES:
        chart_range = DEFAULT_RANGE
    has_own_times = any(arguments.get(key) for key in ("from", "to"))
    return {
        "empty": False,
        "refresh_s": REFRESH_S,
        "page_title": f"{sentence.verdict} · NTP Checker",
        "sentence": sentence,
        "blind_text": _blind_text(hosts),
        "counts": count_states(hosts),
        "state_words": _STATE_WORDS,
        "chosen_state": state,
        "chosen_sort": sort,
        "query": query,
        "columns": _COLUMNS,
        "rows": chosen[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE],
        "total": len(hosts),
        "shown_text": _shown_text(len(chosen), len(hosts), sort),
        "page": page,
        "pages": page_count,
        "kept_for_search": [(k, v) for k, v in given.items() if k not in ("q", "page")],
        "link": lambda **changes: _link(given, changes),
        "names": sorted((host.name for host in hosts), key=str.casefold),
        "ranges": RANGE_WORDS,
        "chart_range": CUSTOM_RANGE if has_own_times else chart_range,
        "chart_query": _chart_query(given),
        "chart_host": arguments.get("host", ""),
        "clip": "clip" in arguments,
        "offset_text": format_offset,
        "seconds_text": format_seconds,
        "age_text": format_age,
    }


def view_host(host: HostNow, fleet: FleetNow, interval_s: float) -> HostView:
    """One host's row from its newest sample."""
    sample = host.sample or {}
    tracking = sample.get("tracking") or {}
    failures = sample.get("failures") or []
    bound_s = sample.get("error_bound_s")
    age_s = None if host.slot_at is None else (fleet.now_at - host.slot_at).total_seconds()
    own_interval_s = host.interval_s or interval_s
    status = host.status or Status.UNKNOWN
    selected = host.selected or {}
    return HostView(
        name=host.name,
        state=shown_state(status, age_s, own_interval_s),
        status=status,
        age_s=age_s,
        offset_s=tracking.get("system_offset_s") if bound_s is not None else None,
        error_bound_s=bound_s,
        stratum=tracking.get("stratum"),
        source=selected.get("address"),
        reach=selected.get("reach"),
        gps=sample.get("gps"),
        # Without a problem nobody asked for GPS: gpspipe happens to be there, and no receiver.
        gps_failed=bool(sample.get("problems"))
        and any(failure.get("part") == "gps" for failure in failures),
        problems=sample.get("problems") or [],
        failures=failures,
    )


def _blind_text(hosts: Sequence[HostView]) -> str:
    """Words for a fleet without any fresh sample: that is the checker's trouble, not the hosts'."""
    if not all_stale(hosts):
        return ""
    age_s = newest_age_s(hosts)
    if age_s is None:
        return "No host has been looked at yet: is the checker (ntp-checker monitor) running?"
    return (
        f"Nothing new for {format_age(age_s)}: is the checker (ntp-checker monitor) running? "
        "What follows is what was known last."
    )


def _shown_text(chosen: int, total: int, sort: SortKey) -> str:
    order = "worst first" if sort is SortKey.WORST else f"sorted by {sort.value}"
    return f"{total}, {order}" if chosen == total else f"{chosen} of {total}, {order}"


def _choice(kind: type[Choice], text: str | None) -> Choice | None:
    return next((choice for choice in kind if choice.value == text), None)


def _page_number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and 0 < len(text) < 6 else 1


def _chart_query(given: Mapping[str, str]) -> str:
    """What the chart's own figures are asked for with: not a range beside both its ends."""
    keys = ("from", "to") if "from" in given and "to" in given else ("range", "from", "to")
    return urlencode([(key, given[key]) for key in ("host", *keys) if key in given])


def _link(given: Mapping[str, str], changes: Mapping[str, object]) -> str:
    """The overview's address with these changes; None takes an argument out."""
    wanted: dict[str, object] = {**given, **changes}
    pairs = [(key, str(wanted[key])) for key in _LINK_KEYS if wanted.get(key) not in (None, "")]
    return f"/?{urlencode(pairs)}" if pairs else "/"
