"""One alert: what happened to it, who was told, and what people may do about it.

Mails link here, and scanners follow such links: reading the page changes nothing.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, make_response, render_template

from ntp_checker.errors import ActionRefused
from ntp_checker.model import CHECKER, AlertKey, AlertState, ProblemCode
from ntp_checker.store.actions import acknowledge, create_silence, find_silences, unacknowledge
from ntp_checker.store.alert_reads import (
    AlertShown,
    read_alert,
    read_changes_before,
    read_transitions,
)
from ntp_checker.store.pool import ReaderConnection
from ntp_checker.store.reads import read_clock, reading
from ntp_checker.web.access import Access, access, current_actor
from ntp_checker.web.action_arguments import (
    ACKNOWLEDGE_KEYS,
    UNACKNOWLEDGE_KEYS,
    in_utc,
    read_acknowledgement,
    read_actor,
    read_silence,
)
from ntp_checker.web.acts import (
    NOT_SENT,
    FormState,
    body_keys,
    changing,
    form_fields,
    may_act,
    refused,
    see,
)
from ntp_checker.web.alert_views import (
    alert_path,
    chart_path,
    name_host,
    view_alert,
    view_step,
)
from ntp_checker.web.api import QUICK_LIMIT_S
from ntp_checker.web.format import format_moment
from ntp_checker.web.responses import json_response
from ntp_checker.web.services import Services
from ntp_checker.web.silence_views import view_silence

#: Of an alert that flaps for weeks the page shows the beginning, and says so.
MAX_STEPS = 500


def make_alert_page(services: Services) -> Blueprint:
    """/alerts/<event_id> with its forms, and the same for programs."""
    pages = Blueprint("alert", __name__)

    @pages.get("/alerts/<uuid:event_id>")
    @access(Access.READ)
    def alert_page(event_id: UUID) -> Response:
        return _page(services, event_id, NOT_SENT)

    @pages.post("/alerts/<uuid:event_id>/acknowledge")
    @access(Access.ACT)
    def acknowledge_form(event_id: UUID) -> Response:
        given = form_fields()
        try:
            with changing(services) as connection:
                alert = _find(connection, event_id)
                _acknowledge(connection, alert.alert_id, given)
        except ActionRefused as error:
            return _page(services, event_id, refused("acknowledge", given, error))
        return see(f"/alerts/{event_id}")

    @pages.post("/alerts/<uuid:event_id>/unacknowledge")
    @access(Access.ACT)
    def unacknowledge_form(event_id: UUID) -> Response:
        given = form_fields()
        try:
            with changing(services) as connection:
                alert = _find(connection, event_id)
                by = read_actor(given, current_actor())
                unacknowledge(connection, alert.alert_id, by=by)
        except ActionRefused as error:
            return _page(services, event_id, refused("unacknowledge", given, error))
        return see(f"/alerts/{event_id}")

    @pages.post("/alerts/<uuid:event_id>/silence")
    @access(Access.ACT)
    def silence_form(event_id: UUID) -> Response:
        given = form_fields()
        try:
            with changing(services) as connection:
                alert = _find(connection, event_id)
                asked = {**in_utc(given, "ends_at"), **scope_of(alert, given.pop("scope", ""))}
                wanted = read_silence(asked, current_actor(), read_clock(connection))
                create_silence(connection, wanted)
        except ActionRefused as error:
            return _page(services, event_id, refused("silence", form_fields(), error))
        return see(f"/alerts/{event_id}")

    @pages.post("/api/alerts/<int:alert_id>/acknowledge")
    @access(Access.ACT)
    def acknowledge_json(alert_id: int) -> Response:
        given = body_keys(ACKNOWLEDGE_KEYS)
        _check_number(alert_id)
        with changing(services) as connection:
            event_id = _acknowledge(connection, alert_id, given)
        return json_response({"alert_id": alert_id, "event_id": event_id})

    @pages.post("/api/alerts/<int:alert_id>/unacknowledge")
    @access(Access.ACT)
    def unacknowledge_json(alert_id: int) -> Response:
        by = read_actor(body_keys(UNACKNOWLEDGE_KEYS), current_actor())
        _check_number(alert_id)
        with changing(services) as connection:
            event_id = unacknowledge(connection, alert_id, by=by)
        return json_response({"alert_id": alert_id, "event_id": event_id})

    return pages


def _check_number(alert_id: int) -> None:
    """Raises ActionRefused for a number that no alert can have."""
    if alert_id >= 2**63:
        raise ActionRefused(f"there is no alert {alert_id}", is_unknown=True)


def scope_of(alert: AlertShown, chosen: str) -> dict[str, str]:
    """What a silence that is asked for at this alert is of. Raises ActionRefused."""
    problem = {"code": alert.code, "subject": alert.subject}
    scopes = {
        "problem": problem if alert.host == CHECKER else {"host": alert.host, **problem},
        "host": {"host": alert.host},
        "group": {"group": alert.group or ""},
    }
    if chosen not in scopes or (chosen != "problem" and not all(scopes[chosen].values())):
        raise ActionRefused("choose what is to be silent", field="scope")
    return scopes[chosen]


def _acknowledge(connection: ReaderConnection, alert_id: int, given: dict[str, str]) -> UUID:
    asked = read_acknowledgement(given, current_actor(), read_clock(connection))
    return acknowledge(connection, alert_id, by=asked.by, note=asked.note, until_at=asked.until_at)


def _find(connection: ReaderConnection, event_id: UUID) -> AlertShown:
    alert = read_alert(connection, event_id)
    if alert is None:
        abort(404)
    return alert


def _page(services: Services, event_id: UUID, state: FormState) -> Response:
    with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
        alert = _find(connection, event_id)
        now_at = read_clock(connection)
        shown = _describe(connection, alert, now_at)
    text = render_template(
        "alert.html",
        **shown,
        state=state,
        may_act=may_act(services) and alert.state is AlertState.OPEN,
        actor=current_actor(),
    )
    return make_response(text, 400 if state.error else 200)


def _describe(connection: ReaderConnection, alert: AlertShown, now_at: datetime) -> dict[str, Any]:
    """All that the page's template shows, but for the forms."""
    steps = read_transitions(connection, alert.alert_id, limit=MAX_STEPS + 1)
    key = AlertKey(host=alert.host, code=ProblemCode(alert.code), subject=alert.subject)
    silences = find_silences(connection, now_at, key, alert.group)
    view = view_alert(alert, now_at)
    is_open = alert.state is AlertState.OPEN
    return {
        "view": view,
        "alert": alert,
        "is_open": is_open,
        "is_checker": alert.host == CHECKER,
        "host_name": name_host(alert.host),
        "page_title": f"{name_host(alert.host)}: {view.name} · NTP Checker",
        "began_text": format_moment(alert.first_bad_slot_at),
        "closed_text": format_moment(alert.closed_at),
        "path": alert_path(alert),
        "chart_link": chart_path(alert, now_at),
        # The newest first: what is true now is what people come for.
        "steps": [view_step(step) for step in reversed(steps[:MAX_STEPS])],
        "has_more": len(steps) > MAX_STEPS,
        "changes": read_changes_before(connection, alert),
        "silences": [view_silence(one) for one in silences] if is_open else [],
    }
