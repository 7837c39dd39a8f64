"""The outbox: what is to be told, by which channel, and what came of it. Async.

A notification is waiting, then claimed by one sender at a time, then accepted by the provider or
given up; a suppressed one is for the record. A claim lapses by the database's clock, and its epoch
grows with each: whoever was paused for too long is refused when it settles.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from ntp_checker.heard import OVERTAKEN, Told
from ntp_checker.message.notice import OutgoingMessage
from ntp_checker.model import Due, Notification, Severity, Transition, TransitionKind
from ntp_checker.store.alert_rows import alert_from_row
from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

#: Longer than a message takes; after a crash this long nobody tries again.
CLAIM_S = 60.0
#: So many of one group share a message at most.
CLAIM_LIMIT = 1_000
#: What could not be told for this long goes into one digest, whatever its group.
LATE_S = 300.0
#: Group of what happened while nobody could be told: in that digest, too.
OLD_NEWS_KEY = "what happened meanwhile"
#: `error_kind` of what failed by a fault of ours: sent alone from then on, it harms no other.
INTERNAL_ERROR = "internal"
#: `error_kind` of what some of a message's recipients have: sent again as the same message.
PARTLY_TAKEN = "partly_taken"
#: `error_kind` of what was queued for a channel that the settings do not have.
UNKNOWN_CHANNEL = "unknown_channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Due):
    """A notification that is ours to send until the claim lapses."""

    notification_id: int
    claim_epoch: int
    host_id: int


async def queue(conn: CheckerConnection, notifications: Iterable[Notification]) -> int:
    """How many were new; afterwards each is in the outbox, once per transition and channel.

    In the transaction that stores the transitions: both are there, or neither.
    """
    rows = [
        {
            "event_id": notification.event_id,
            "channel": notification.channel,
            "group_key": notification.group_key,
            "not_before_at": notification.not_before_at,
            "suppressed_by": notification.suppressed_by,
        }
        for notification in notifications
    ]
    if not rows:
        return 0
    queued = await conn.execute(
        load_queries("notifications")["queue"], {"rows": orjson.dumps(rows).decode()}
    )
    return queued.rowcount


async def queue_news(conn: CheckerConnection, notifications: Sequence[Notification]) -> int:
    """As `queue`; what waits of the same alerts and is overtaken by these is not sent any more.

    For who holds the lease of their hosts: nobody else overtakes the same ones meanwhile.
    """
    queued = await queue(conn, notifications)
    if queued:
        event_ids = text_array({str(one.event_id) for one in notifications})
        given = {"event_ids": event_ids, "reason": OVERTAKEN}
        await conn.execute(load_queries("notifications")["overtake"], given)
    return queued


async def suppress(conn: CheckerConnection, event_ids: Iterable[UUID], reason: str) -> int:
    """How many were still waiting; afterwards nobody is told of these transitions any more."""
    suppressed = await conn.execute(
        load_queries("notifications")["suppress"],
        {"event_ids": text_array(map(str, event_ids)), "reason": reason},
    )
    return suppressed.rowcount


async def read_told(
    conn: CheckerConnection, event_ids: Iterable[UUID]
) -> Mapping[UUID, Mapping[str, Told]]:
    """For each of these stored transitions the channels that heard of its alert before it."""
    wanted = list(event_ids)
    told: dict[UUID, dict[str, Told]] = {event_id: {} for event_id in wanted}
    found = await conn.execute(
        load_queries("notifications")["told"], {"event_ids": text_array(map(str, wanted))}
    )
    for event_id, channel, until_at, group_key, is_critical in await found.fetchall():
        told[event_id][channel] = Told(
            until_at=until_at, group_key=group_key, is_critical=is_critical
        )
    return told


async def claim(
    conn: CheckerConnection,
    owner: str,
    channel: str,
    *,
    limit: int = CLAIM_LIMIT,
    claim_s: float = CLAIM_S,
) -> list[Claimed]:
    """What is due for one message of this channel, oldest slot first; nothing if nothing is due.

    It is the group that has been due for longest; after an outage all that is late, of whatever
    group. Until `claim_s` from now nobody else gets it.
    """
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(
            load_queries("notifications")["claim"],
            {
                "owner": owner,
                "channel": channel,
                "limit": limit,
                "claim_s": claim_s,
                "late_s": LATE_S,
                "old_news_key": OLD_NEWS_KEY,
                "alone_kind": INTERNAL_ERROR,
                "rest_kind": PARTLY_TAKEN,
            },
        )
        return [_claimed(row) for row in await cursor.fetchall()]


async def release(conn: CheckerConnection, owner: str, channel: str) -> int:
    """How many; afterwards what an earlier run of this owner left claimed can be claimed at once.

    The caller knows that the earlier run is over. What it sent without settling goes out again.
    """
    released = await conn.execute(
        load_queries("notifications")["release"], {"owner": owner, "channel": channel}
    )
    return released.rowcount


async def store_message(
    conn: CheckerConnection,
    claimed: Sequence[Claimed],
    message: OutgoingMessage,
    recipients: Sequence[str],
) -> list[Claimed]:
    """Notes the message that is about to be sent; those claims that are no longer ours.

    If there are any, it is not to be sent: somebody else is on it.
    """
    queries = load_queries("notifications")
    await conn.execute(
        queries["store_message"],
        {
            "message_id": message.message_id,
            "channel": claimed[0].channel,
            "recipients": list(recipients),
            "thread_key": message.thread_key,
            "title": message.title,
            "body": message.text,
        },
    )
    return await _settle(conn, "hold", claimed, {"message_id": message.message_id})


async def settle_accepted(
    conn: CheckerConnection, claimed: Sequence[Claimed], message: OutgoingMessage, answer: str
) -> list[Claimed]:
    """After the provider took the message; those claims that were no longer ours.

    The message is marked as accepted in either case.
    """
    given = {"message_id": message.message_id, "answer": answer}
    await conn.execute(load_queries("notifications")["accept_message"], given)
    return await _settle(conn, "settle_accepted", claimed, given)


async def settle_retry(
    conn: CheckerConnection,
    claimed: Sequence[Claimed],
    *,
    message_id: UUID | None,
    error_kind: str,
    error_text: str,
    delay_s: float,
) -> list[Claimed]:
    """Afterwards they wait for another attempt in `delay_s`; those claims that were not ours."""
    return await _settle_failed(
        conn,
        "settle_retry",
        claimed,
        {
            "message_id": message_id,
            "error_kind": error_kind,
            "error_text": error_text,
            "delay_s": delay_s,
        },
    )


async def settle_given_up(
    conn: CheckerConnection,
    claimed: Sequence[Claimed],
    *,
    message_id: UUID | None,
    error_kind: str,
    error_text: str,
) -> list[Claimed]:
    """Afterwards this channel tries no more, and says why; those claims that were not ours."""
    return await _settle_failed(
        conn,
        "settle_given_up",
        claimed,
        {"message_id": message_id, "error_kind": error_kind, "error_text": error_text},
    )


async def put_back(
    conn: CheckerConnection, claimed: Sequence[Claimed], *, delay_s: float
) -> list[Claimed]:
    """Afterwards they wait for `delay_s`, as if not claimed; those claims that were not ours."""
    return await _settle(conn, "put_back", claimed, {"delay_s": delay_s})


async def unknown_channels(
    conn: CheckerConnection, channels: Iterable[str], *, due_for_s: float
) -> list[str]:
    """The other channels for which something has been due for that long."""
    found = await conn.execute(
        load_queries("notifications")["unknown_channels"],
        {"channels": text_array(channels), "due_for_s": due_for_s},
    )
    return [channel for (channel,) in await found.fetchall()]


async def waiting_ages_s(conn: CheckerConnection) -> dict[str, float]:
    """By channel, for how long the oldest notification that is due has been due."""
    found = await conn.execute(
        load_queries("notifications")["waiting_ages"], {"rest_kind": PARTLY_TAKEN}
    )
    return dict(await found.fetchall())


async def _settle_failed(
    conn: CheckerConnection, query: str, claimed: Sequence[Claimed], given: Mapping[str, Any]
) -> list[Claimed]:
    if given["message_id"] is not None:
        await conn.execute(
            load_queries("notifications")["refuse_message"],
            {"message_id": given["message_id"], "answer": given["error_text"]},
        )
    return await _settle(conn, query, claimed, given)


async def _settle(
    conn: CheckerConnection, query: str, claimed: Sequence[Claimed], given: Mapping[str, Any]
) -> list[Claimed]:
    """Those of `claimed` that were refused, because their claim is another's now."""
    settled = await conn.execute(
        load_queries("notifications")[query],
        {
            **given,
            "notification_ids": integer_array(one.notification_id for one in claimed),
            "claim_epochs": integer_array(one.claim_epoch for one in claimed),
        },
    )
    done = {notification_id for (notification_id,) in await settled.fetchall()}
    return [one for one in claimed if one.notification_id not in done]


def _claimed(row: Sequence[Any]) -> Claimed:
    notification_id, claim_epoch, channel, group_key, attempts = row[:5]
    error_kind, due_for_s, host_id, group = row[5:9]
    event_id, kind, ordinal, slot_at, severity, value, limit, unit, reason = row[9:18]
    alert = alert_from_row(row[18:])
    return Claimed(
        notification_id=notification_id,
        claim_epoch=claim_epoch,
        channel=channel,
        group_key=group_key,
        attempts=attempts,
        error_kind=error_kind,
        due_for_s=due_for_s,
        host_id=host_id,
        group=group,
        transition=Transition(
            event_id=event_id,
            key=alert.key,
            kind=TransitionKind(kind),
            ordinal=ordinal,
            first_bad_slot_at=alert.first_bad_slot_at,
            slot_at=slot_at,
            severity=Severity(severity),
            value=value,
            limit=limit,
            unit=unit,
            reason=reason,
        ),
        alert=alert,
    )
