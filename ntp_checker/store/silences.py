"""When nobody is to be told. Async, but for what the dashboard and the commands read."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from ntp_checker.model import ProblemCode, Silence, SilenceRule
from ntp_checker.recurrence import occurrence_of
from ntp_checker.store.pool import CheckerConnection, ReaderConnection
from ntp_checker.store.queries import load_queries

log = structlog.get_logger()


async def read_in_force(conn: CheckerConnection, at: datetime) -> list[Silence]:
    """The silences that hold at this moment; of a recurring one, its present time."""
    return in_force(await read_rules(conn, at), at)


async def read_rules(conn: CheckerConnection, at: datetime) -> list[SilenceRule]:
    """The silences that hold at this moment or may later."""
    found = await conn.execute(load_queries("silences")["silences_not_over"], {"at": at})
    return [_rule(row) for row in await found.fetchall()]


def find_in_force(connection: ReaderConnection, at: datetime) -> list[Silence]:
    """The same as `read_in_force`. Sync."""
    found = connection.execute(load_queries("silences")["silences_not_over"], {"at": at})
    return in_force(map(_rule, found.fetchall()), at)


def in_force(rules: Iterable[SilenceRule], at: datetime) -> list[Silence]:
    """Those that hold at this moment; of a recurring one, its present time."""
    found = (_at_moment(rule, at) for rule in rules)
    return [silence for silence in found if silence is not None]


def _at_moment(rule: SilenceRule, at: datetime) -> Silence | None:
    silence = rule.silence
    if rule.recurrence is None or rule.time_zone is None:
        return silence if silence.starts_at <= at < silence.ends_at else None
    try:
        occurrence = occurrence_of(
            rule.recurrence, rule.time_zone, silence.starts_at, silence.ends_at, at
        )
    except ValueError as error:
        # A rule that nobody understands silences nothing: people are told too much, not less.
        log.warning("silence not understood", silence=silence.silence_id, reason=str(error))
        return None
    if occurrence is None:
        return None
    starts_at, ends_at = occurrence
    return replace(silence, starts_at=starts_at, ends_at=ends_at)


def _rule(row: Sequence[Any]) -> SilenceRule:
    (silence_id, starts_at, ends_at, recurrence, time_zone, reason, created_by, *matching) = row
    host, group, code, subject = matching
    return SilenceRule(
        silence=Silence(
            silence_id=silence_id,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            created_by=created_by,
            host=host,
            group=group,
            code=None if code is None else ProblemCode(code),
            subject=subject,
        ),
        recurrence=recurrence,
        time_zone=time_zone,
    )
