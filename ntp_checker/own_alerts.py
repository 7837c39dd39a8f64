"""What the checker finds wrong with itself, into alerts on host `*`: as a host's, no other life.

What a replica alone can know of itself (its spool, its clock, what it sees) has the replica as its
subject. Whoever advances host `*` therefore writes rows that nobody else writes, and needs no lease
for them. What is the same for all replicas (outbox, channels, partitions) is judged by one of them,
the holder of host 0's lease, so that two that see a channel differently don't open and close its
alert in turn. Today one checker holds every lease, that of host 0, too; once replicas divide the
hosts, they divide that one with them, and nothing here changes.

The holder also ends what has nobody to end it: of channels that left the settings, of replicas that
hold no lease any more (a data folder that was lost makes another one), and, after it has taken
over, what its predecessor said of outbox and partitions.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ntp_checker.advances import (
    NO_LONGER_WATCHED,
    Alerting,
    advance_host,
    store_and_tell,
    tell_at_last,
)
from ntp_checker.alerting import close_all
from ntp_checker.model import (
    CHECKER,
    Alert,
    AlertKey,
    AlertPolicy,
    JudgedSample,
    ProblemCode,
    Sample,
    Status,
    Verdict,
)
from ntp_checker.own_rounds import OwnRound
from ntp_checker.store.alerts import HostAlerts, read_live
from ntp_checker.store.hosts import FLEET_ID
from ntp_checker.store.leases import lock_lease, read_owners
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.samples import StorableSample
from ntp_checker.transitions import FLAPPING_WINDOW

#: The same for all replicas, so one of them judges it.
SHARED_CODES = frozenset(
    {ProblemCode.CHANNEL_DEAD, ProblemCode.OUTBOX_BACKLOG, ProblemCode.PARTITIONS_MISSING}
)
#: Judgements that were bad in a row until an alert opens.
BAD_ROUNDS: Mapping[ProblemCode, int] = {
    # Its own limit has been waited for already: two intervals of silence, a minute, five minutes.
    ProblemCode.CHECKER_BLIND: 1,
    ProblemCode.SPOOL_BACKLOG: 1,
    ProblemCode.CHANNEL_DEAD: 1,
    # Right after the database was away all that waits is old, and leaves within seconds.
    ProblemCode.OUTBOX_BACKLOG: 2,
    # The first round after weeks without a checker comes before its maintenance.
    ProblemCode.PARTITIONS_MISSING: 2,
    # A clock that is being set, ours or theirs, has looks on either side of the step.
    ProblemCode.CHECKER_CLOCK_WRONG: 2,
}
GOOD_ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ourselves:
    """Whose alerts are advanced."""

    owner: str  #: our name, the subject of what is ours alone
    channels: Collection[str]  #: that are configured


async def advance_own(
    conn: CheckerConnection, rounds: Sequence[OwnRound], ourselves: Ourselves, alerting: Alerting
) -> int:
    """Takes these rounds into our alerts, in order; how many notifications were queued.

    They, the transitions and the alerts are there when the transaction commits.
    """
    epoch = await lock_lease(conn, FLEET_ID, ourselves.owner)
    since_at = rounds[0].at - FLAPPING_WINDOW
    found = (await read_live(conn, [FLEET_ID], closed_since_at=since_at))[FLEET_ID]
    ours = _Scope(
        owner=ourselves.owner,
        shared=() if epoch is None else (ourselves.owner, *ourselves.channels),
    )
    state = HostAlerts(
        live={key: one for key, one in found.live.items() if ours.has(key)},
        recent={key: one for key, one in found.recent.items() if ours.has(key)},
    )
    samples = [
        StorableSample(host_id=FLEET_ID, lease_epoch=epoch or 0, judged=_as_look(one, ours))
        for one in rounds
    ]
    own = replace(alerting, policy=own_policy(alerting.policy))
    made = advance_host(FLEET_ID, samples, state, own)
    if epoch is not None:
        others = {key: one for key, one in found.live.items() if not ours.has(key)}
        ended = close_all(await _left(conn, others), rounds[-1].at, NO_LONGER_WATCHED)
        made = replace(
            made,
            alerts=[*made.alerts, *ended.alerts],
            transitions=[*made.transitions, *ended.transitions],
        )
    live = {CHECKER: list(state.live.values())}
    queued = await store_and_tell(conn, [made], live, alerting) if made.alerts else 0
    queued_at_last, _ = await tell_at_last(conn, [(samples[-1], state)], live, alerting)
    return queued + queued_at_last


def own_policy(policy: AlertPolicy) -> AlertPolicy:
    """The configured policy with the rounds that the checker's own codes take."""
    return replace(policy, bad_looks_of=BAD_ROUNDS, good_looks=GOOD_ROUNDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """The alerts that we advance."""

    owner: str
    shared: Collection[str]  #: subjects of shared codes; none without the lease

    def has(self, key: AlertKey) -> bool:
        """True if this one is ours to advance."""
        return key.subject in self.shared if key.code in SHARED_CODES else key.subject == self.owner


def _as_look(one: OwnRound, ours: _Scope) -> JudgedSample:
    judgements = tuple(
        judgement
        for judgement in one.judgements
        if ours.has(AlertKey(host=CHECKER, code=judgement.code, subject=judgement.subject))
    )
    return JudgedSample(
        sample=Sample(host=CHECKER, slot_at=one.at, taken_at=one.at, duration_s=None),
        verdict=Verdict(status=Status.OK, error_bound_s=None, judgements=judgements),
    )


async def _left(conn: CheckerConnection, others: Mapping[AlertKey, Alert]) -> dict[AlertKey, Alert]:
    """Those of these alerts, which are not ours, that nobody judges any more."""
    if not others:
        return {}
    owners = await read_owners(conn)
    return {
        key: one
        for key, one in others.items()
        if key.code in SHARED_CODES or key.subject not in owners
    }
