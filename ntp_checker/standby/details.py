"""What a message tells beside the transition itself, as far as the spool knows it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ntp_checker.codec import contract
from ntp_checker.message import SampleLine
from ntp_checker.model import JudgedSample, SourceState
from ntp_checker.notes import Note
from ntp_checker.store.notice_details import MAX_HOSTS, HostDetails, gps_words, source_words
from ntp_checker.store.spool import Spool

_SAMPLES = 5


async def read_noted_details(
    spool: Spool, claimed: Sequence[Note], targets: Mapping[str, str]
) -> dict[str, HostDetails]:
    """By host, of the first MAX_HOSTS hosts: up to the newest of their transitions.

    `targets` says where each is looked at.
    """
    until: dict[str, datetime] = {}
    for note in claimed:
        host, slot_at = note.transition.key.host, note.transition.slot_at
        if host in until or len(until) < MAX_HOSTS:
            until[host] = max(until.get(host, slot_at), slot_at)
    return {
        host: _details(
            [row.read_anyway() for row in await spool.read_last(host, at, _SAMPLES)],
            targets.get(host),
        )
        for host, at in until.items()
    }


def _details(samples: Sequence[JudgedSample], target: str | None) -> HostDetails:
    details = HostDetails(target=target, samples=[_line(judged) for judged in samples])
    if samples:
        shown = contract(samples[-1])
        selected = [s for s in shown["sources"] or () if s["state"] == SourceState.SELECTED]
        details.selected_source = source_words(selected[0]) if selected else None
        details.gps = gps_words(shown["gps"])
    return details


def _line(judged: JudgedSample) -> SampleLine:
    tracking, bound_s = judged.sample.tracking, judged.verdict.error_bound_s
    # A clock that is not set has zeros, which are no measurement.
    is_set = tracking is not None and bound_s is not None
    return SampleLine(
        taken_at=judged.sample.slot_at,
        status=judged.verdict.status,
        offset_s=tracking.system_offset_s if tracking is not None and is_set else None,
        error_bound_s=bound_s,
    )
