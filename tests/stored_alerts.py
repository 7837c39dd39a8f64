"""Alerts and their notifications into a test's database through the product."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ntp_checker.message import AlertNotice, OutgoingMessage, compose
from ntp_checker.model import (
    Alert,
    AlertKey,
    AlertState,
    Notification,
    ProblemCode,
    Severity,
    Transition,
    TransitionKind,
)
from ntp_checker.store.alerts import StorableAdvance, store_advances
from ntp_checker.store.hosts import host_ids
from ntp_checker.store.notifications import Claimed, queue
from ntp_checker.store.pool import CheckerConnection, CheckerPool
from ntp_checker.transitions import event_id

BEGAN_AT = datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)


def slot(number: int) -> datetime:
    """Half a minute apart."""
    return BEGAN_AT + timedelta(seconds=30 * number)


def alert(host: str = "h", subject: str = "", **changed: Any) -> Alert:
    """Open, at its third bad slot; opened just now."""
    made = Alert(
        key=AlertKey(host=host, code=ProblemCode.OFFSET_HIGH, subject=subject),
        state=AlertState.OPEN,
        severity=Severity.CRITICAL,
        first_bad_slot_at=slot(0),
        last_slot_at=slot(2),
        opened_at=slot(2),
        bad_in_a_row=3,
        last_ordinal=1,
        value=0.25,
        peak_value=0.25,
        limit=0.05,
        unit="s",
        reason="clock is 250 ms ahead, limit 50 ms",
        changed_at=(slot(2),),
    )
    return replace(made, **changed)


def transition(
    of: Alert, kind: TransitionKind = TransitionKind.OPENED, ordinal: int = 1, **changed: Any
) -> Transition:
    made = Transition(
        event_id=event_id(of.key, of.first_bad_slot_at, kind, ordinal),
        key=of.key,
        kind=kind,
        ordinal=ordinal,
        first_bad_slot_at=of.first_bad_slot_at,
        slot_at=of.last_slot_at,
        severity=of.severity,
        value=of.value,
        limit=of.limit,
        unit=of.unit,
        reason=of.reason,
    )
    return replace(made, **changed)


async def save(
    conn: CheckerConnection, alerts: Sequence[Alert], transitions: Sequence[Transition] = ()
) -> list[Transition]:
    """Stores these, whatever their hosts."""
    of_host: dict[str, tuple[list[Alert], list[Transition]]] = {}
    for one in alerts:
        of_host.setdefault(one.key.host, ([], []))[0].append(one)
    for step in transitions:
        of_host.setdefault(step.key.host, ([], []))[1].append(step)
    ids = await host_ids(conn, of_host)
    return await store_advances(
        conn,
        [
            StorableAdvance(host_id=ids[host], lease_epoch=1, alerts=changed, transitions=told)
            for host, (changed, told) in of_host.items()
        ],
    )


async def tell(
    pool: CheckerPool,
    number: int,
    *,
    channel: str = "mail",
    group_key: str | None = "servers",
    first: int = 0,
    **changed: Any,
) -> list[Transition]:
    """So many alerts open, each on a host of its own, and are told; None: each in its own group."""
    alerts = [alert(f"h{index}") for index in range(first, first + number)]
    transitions = [transition(one) for one in alerts]
    async with pool.connection() as conn, conn.transaction():
        await save(conn, alerts, transitions)
        await queue(
            conn,
            [
                Notification(
                    event_id=one.event_id,
                    channel=channel,
                    group_key=one.key.host if group_key is None else group_key,
                    **changed,
                )
                for one in transitions
            ],
        )
    return transitions


async def compose_claimed(_conn: CheckerConnection, claimed: Sequence[Claimed]) -> OutgoingMessage:
    """The product's own message on what is claimed."""
    return compose(
        [AlertNotice(transition=one.transition, group=one.group) for one in claimed],
        public_url="https://ntp.example.net",
        now=slot(3),
    )
