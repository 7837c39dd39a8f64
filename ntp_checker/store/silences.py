"""When nobody is to be told. Async."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from ntp_checker.model import ProblemCode, Silence
from ntp_checker.recurrence import occurrence_of
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

log = structlog.get_logger()


async def read_in_force(conn: CheckerConnection, at: datetime) -> list[Silence]:
    """The silences that hold at this moment; of a recurring one, its present time."""
    found = await conn.execute(load_queries("silences")["silences_that_may_hold"], {"at": at})
    silences = []
    for row in await found.fetchall():
        silence = _in_force(row, at)
        if silence is not None:
            silences.append(silence)
    return silences


def _in_force(row: Sequence[Any], at: datetime) -> Silence | None:
    (silence_id, starts_at, ends_at, rule, zone, reason, created_by, *matching) = row
    if rule is not None:
        try:
            occurrence = occurrence_of(rule, zone, starts_at, ends_at, at)
        except ValueError as error:
            # A rule that nobody understands silences nothing: people are told too much, not less.
            log.warning("silence not understood", silence=silence_id, reason=str(error))
            return None
        if occurrence is None:
            return None
        starts_at, ends_at = occurrence
    host, group, code, subject = matching
    return Silence(
        silence_id=silence_id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        created_by=created_by,
        host=host,
        group=group,
        code=None if code is None else ProblemCode(code),
        subject=subject,
    )
