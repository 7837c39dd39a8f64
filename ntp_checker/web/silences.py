"""Silences for people and for programs: what nobody is told of, until when and why."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from ntp_checker.errors import ActionRefused
from ntp_checker.model import ProblemCode
from ntp_checker.store.actions import (
    SilenceShown,
    SilenceState,
    create_silence,
    expire_silence,
    list_silences,
)
from ntp_checker.store.reads import read_clock, read_hosts, reading
from ntp_checker.web.access import Access, access, current_actor
from ntp_checker.web.action_arguments import (
    EXPIRE_KEYS,
    SILENCE_KEYS,
    in_utc,
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
from ntp_checker.web.alert_arguments import read_page
from ntp_checker.web.api import QUICK_LIMIT_S
from ntp_checker.web.format import format_iso
from ntp_checker.web.responses import json_response
from ntp_checker.web.services import Services
from ntp_checker.web.silence_views import view_silence

SILENCES_PER_PAGE = 100


def make_silences(services: Services) -> Blueprint:
    """/silences with its forms, and /api/silences."""
    pages = Blueprint("silences", __name__)

    @pages.get("/silences")
    @access(Access.READ)
    def silences_page() -> Response:
        return _page(services, NOT_SENT)

    @pages.post("/silences")
    @access(Access.ACT)
    def create_form() -> Response:
        given = form_fields()
        try:
            silence_id = _create(services, in_utc(given, "starts_at", "ends_at"))
        except ActionRefused as error:
            return _page(services, refused("create", given, error))
        return see(f"/silences#silence-{silence_id}")

    @pages.post("/silences/<int:silence_id>/expire")
    @access(Access.ACT)
    def expire_form(silence_id: int) -> Response:
        given = form_fields()
        try:
            _expire(services, silence_id, given)
        except ActionRefused as error:
            return _page(services, refused(f"expire-{silence_id}", given, error))
        return see("/silences")

    @pages.get("/api/silences")
    @access(Access.READ)
    def silences_json() -> Response:
        now_at, page, found = _find(services)
        return json_response(
            {
                "generated_at": format_iso(now_at),
                "page": page,
                "has_more": len(found) > SILENCES_PER_PAGE,
                "silences": [asdict(one) for one in found[:SILENCES_PER_PAGE]],
            }
        )

    @pages.post("/api/silences")
    @access(Access.ACT)
    def create_json() -> Response:
        silence_id = _create(services, body_keys(SILENCE_KEYS))
        return json_response({"silence_id": silence_id}, 201)

    @pages.post("/api/silences/<int:silence_id>/expire")
    @access(Access.ACT)
    def expire_json(silence_id: int) -> Response:
        _expire(services, silence_id, body_keys(EXPIRE_KEYS))
        return json_response({"silence_id": silence_id})

    return pages


def _create(services: Services, given: dict[str, str]) -> int:
    with changing(services) as connection:
        wanted = read_silence(given, current_actor(), read_clock(connection))
        return create_silence(connection, wanted)


def _expire(services: Services, silence_id: int, given: dict[str, str]) -> None:
    by = read_actor(given, current_actor())
    if silence_id >= 2**63:
        raise ActionRefused(f"there is no silence {silence_id}", is_unknown=True)
    with changing(services) as connection:
        expire_silence(connection, silence_id, by=by)


def _find(services: Services) -> tuple[datetime, int, list[SilenceShown]]:
    """One more than a page tells whether there is another."""
    page = read_page(request.args.to_dict(flat=False))
    with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
        now_at = read_clock(connection)
        skip = (page - 1) * SILENCES_PER_PAGE
        return (
            now_at,
            page,
            list_silences(connection, now_at, limit=SILENCES_PER_PAGE + 1, skip=skip),
        )


def _page(services: Services, state: FormState) -> Response:
    _, page, found = _find(services)
    with reading(services.read_pool, limit_s=QUICK_LIMIT_S) as connection:
        hosts = read_hosts(connection)
    text = render_template(
        "silences.html",
        **_describe(found[:SILENCES_PER_PAGE]),
        page=page,
        has_more=len(found) > SILENCES_PER_PAGE,
        hosts=[host["name"] for host in hosts],
        groups=sorted({host["group"] for host in hosts if host["group"]}),
        codes=[code.value for code in ProblemCode],
        state=state,
        may_act=may_act(services),
        actor=current_actor(),
    )
    return make_response(text, 400 if state.error else 200)


def _describe(found: list[SilenceShown]) -> dict[str, Any]:
    """The verdict, and the silences of each state."""
    of_state = {
        state: [view_silence(one) for one in found if one.state is state] for state in SilenceState
    }
    active = len(of_state[SilenceState.ACTIVE])
    verdict = f"{active or 'No'} {'silence holds' if active == 1 else 'silences hold'} now"
    if not active:
        verdict = "Nothing is silent now"
    return {
        "verdict": verdict,
        "page_title": f"{verdict} · NTP Checker",
        "sections": [
            ("In force", "active", of_state[SilenceState.ACTIVE]),
            ("To come", "coming", of_state[SilenceState.COMING]),
            ("Over", "expired", of_state[SilenceState.EXPIRED]),
        ],
    }
