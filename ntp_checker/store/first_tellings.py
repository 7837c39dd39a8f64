"""In which message a channel heard of an alert first. Async."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from ntp_checker.message import FirstTelling
from ntp_checker.model import TransitionKind
from ntp_checker.store.arrays import text_array
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


async def read_first_tellings(
    conn: CheckerConnection, claimed: Sequence[Claimed]
) -> Mapping[UUID, FirstTelling]:
    """By transition; without those whose alert their channel never heard of.

    All are of one channel, as what shares a message is.
    """
    later = [one for one in claimed if one.transition.kind is not TransitionKind.OPENED]
    if not later:
        return {}
    found = await conn.execute(
        load_queries("first_tellings")["first_tellings"],
        {
            "channel": later[0].channel,
            "event_ids": text_array(str(one.transition.event_id) for one in later),
        },
    )
    return {
        event_id: FirstTelling(message_id=message_id, alerts=alerts, open_alerts=open_alerts)
        for event_id, message_id, alerts, open_alerts in await found.fetchall()
    }
