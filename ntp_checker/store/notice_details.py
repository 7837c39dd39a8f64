"""What a message tells beside the transition itself. Async."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from ntp_checker.message import SampleLine
from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.codes import STATUS_NUMBER
from ntp_checker.store.host_changes import LOOK_BACK, read_changes
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

#: A digest tells of more hosts than anybody reads details of.
MAX_HOSTS = 20

_STATUS = {number: status for status, number in STATUS_NUMBER.items()}
_FIX_WORDS = {"fix_3d": "3D fix", "fix_2d": "2D fix", "no_fix": "no fix"}


@dataclass(slots=True, kw_only=True)
class HostDetails:
    """What is known of one host around a transition."""

    target: str | None = None  #: where it is looked at; None for the checker itself
    selected_source: str | None = None
    gps: str | None = None
    samples: list[SampleLine] = field(default_factory=list)  #: oldest first, five at most
    changes: list[str] = field(default_factory=list)  #: sentences, newest first


async def read_details(
    conn: CheckerConnection, claimed: Sequence[Claimed]
) -> Mapping[int, HostDetails]:
    """By host's number, of the first MAX_HOSTS hosts: up to the newest of their transitions."""
    until: dict[int, datetime] = {}
    for one in claimed:
        if one.host_id in until or len(until) < MAX_HOSTS:
            until[one.host_id] = max(
                until.get(one.host_id, one.transition.slot_at), one.transition.slot_at
            )
    details = {host_id: HostDetails() for host_id in until}
    spans = {
        "host_ids": integer_array(until),
        "from_ats": text_array((at - LOOK_BACK).isoformat() for at in until.values()),
        "to_ats": text_array(at.isoformat() for at in until.values()),
    }
    queries = load_queries("notice_details")
    rows = await conn.execute(queries["last_samples"], spans)
    for host_id, slot_at, status, offset_s, bound_s in await rows.fetchall():
        details[host_id].samples.append(
            SampleLine(
                taken_at=slot_at,
                status=_STATUS[status],
                # A clock that is not set has zeros, which are no measurement.
                offset_s=None if bound_s is None else offset_s,
                error_bound_s=bound_s,
            )
        )
    rows = await conn.execute(queries["hosts_now"], {"host_ids": spans["host_ids"]})
    for host_id, target, gps, sources, selected in await rows.fetchall():
        details[host_id].target = target or None
        details[host_id].gps = gps_words(_json(gps))
        details[host_id].selected_source = source_words(_json(selected))
        if selected is None and sources is not None:
            details[host_id].selected_source = f"none of {sources}"
    for host_id, changes in (await read_changes(conn, until)).items():
        details[host_id].changes = changes
    return details


def _json(text: str | None) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None if text is None else orjson.loads(text)
    return found


def gps_words(gps: Mapping[str, Any] | None) -> str | None:
    """A receiver's report, as the contract has it, in words."""
    if gps is None:
        return None
    fix = _FIX_WORDS.get(gps["mode"], "fix unknown")
    used, seen = gps["satellites_used"], gps["satellites_seen"]
    if used is None:
        return fix
    return f"{fix}, {used} {'' if seen is None else f'of {seen} '}satellites used"


def source_words(source: Mapping[str, Any] | None) -> str | None:
    """A source, as the contract has it, in words."""
    if source is None:
        return None
    return f"{source['address']}, stratum {source['stratum']}, reach {source['reach']:o} (octal)"
