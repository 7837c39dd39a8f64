"""When it was still good: found in the samples, once for each alert that opens. Async."""

from collections.abc import Sequence
from datetime import timedelta

from ntp_checker.model import Part, ProblemCode, Transition, TransitionKind
from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.codes import PROBLEM_BIT
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

#: What was good longer ago than this helps nobody who is on call.
LOOK_BACK = timedelta(days=1)

_OPENINGS = (TransitionKind.OPENED, TransitionKind.FLAPPING)
_LOGIN = "login"
#: tracking of a clock that is set: of others most rules have nothing to say
_SET_CLOCK = "set clock"
_NEEDS: dict[ProblemCode, str] = {
    ProblemCode.UNSYNCHRONISED: Part.TRACKING,
    ProblemCode.NO_SOURCES: Part.SOURCES,
    ProblemCode.NO_SELECTED_SOURCE: Part.SOURCES,
    ProblemCode.FEW_SOURCES: Part.SOURCES,
    ProblemCode.SOURCE_UNREACHABLE: Part.SOURCES,
    ProblemCode.FALSETICKER: Part.SOURCES,
    ProblemCode.SOURCE_JITTERY: Part.SOURCES,
    ProblemCode.STRATUM_HIGH: _SET_CLOCK,
    ProblemCode.OFFSET_HIGH: _SET_CLOCK,
    ProblemCode.ERROR_BOUND_HIGH: _SET_CLOCK,
    ProblemCode.REFERENCE_STALE: _SET_CLOCK,
    ProblemCode.LOCAL_REFERENCE: _SET_CLOCK,
    ProblemCode.FREQUENCY_HIGH: _SET_CLOCK,
    ProblemCode.SKEW_HIGH: _SET_CLOCK,
    ProblemCode.GPS_UNAVAILABLE: Part.GPS,
    ProblemCode.GPS_SILENT: Part.GPS,
    ProblemCode.GPS_NO_FIX: Part.GPS,
    ProblemCode.GPS_2D_FIX: Part.GPS,
    ProblemCode.GPS_FEW_SATELLITES: Part.GPS,
    ProblemCode.GPS_TIME_WRONG: Part.GPS,
    ProblemCode.CHRONYD_DOWN: Part.TRACKING,
    ProblemCode.HOST_UNREACHABLE: _LOGIN,
    ProblemCode.LOGIN_REFUSED: _LOGIN,
    ProblemCode.HOST_KEY_CHANGED: _LOGIN,
}


async def note_last_good(
    conn: CheckerConnection, transitions: Sequence[tuple[int, Transition]]
) -> None:
    """Afterwards those of these hosts' alerts that open know when it was last good.

    As far as a sample of the day before says so; after the alerts are written, in the same
    transaction.
    """
    opened = [
        (host_id, one)
        for host_id, one in transitions
        if one.kind in _OPENINGS and _needs(one) is not None
    ]
    if not opened:
        return
    begun_ats = [one.first_bad_slot_at for _, one in opened]
    await conn.execute(
        load_queries("last_good")["note_last_good"],
        {
            "host_ids": integer_array(host_id for host_id, _ in opened),
            "codes": text_array(one.key.code for _, one in opened),
            "subjects": text_array(one.key.subject for _, one in opened),
            "begun_ats": text_array(at.isoformat() for at in begun_ats),
            "bits": integer_array(1 << PROBLEM_BIT[one.key.code] for _, one in opened),
            "needs": text_array(_needs(one) for _, one in opened),
            "from_at": min(begun_ats) - LOOK_BACK,
            "to_at": max(begun_ats),
            "look_back": LOOK_BACK,
        },
    )


def _needs(transition: Transition) -> str | None:
    """What a sample must have had to say that this was good; None: samples never say it."""
    key = transition.key
    if key.code is ProblemCode.PROBE_FAILED:
        return key.subject
    return _NEEDS.get(key.code)
