"""Mail through the outbox, boto3 and a line that fails, to moto's SES: who heard, what is on record."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from ntp_checker.notify.ses import SesChannel, make_ses_client
from ntp_checker.store.pool import CheckerPool
from tests import ses_proxy as faults
from tests.integration.notify.conftest import SENDER
from tests.moto_server import MotoServer
from tests.outboxes import count, outbox, running, states, with_pager
from tests.ses_proxy import Call, Fault, LineFault, Refusal, SesProxy
from tests.stored_alerts import tell
from tests.stored_samples import Conn, until
from tests.told_mails import all_events, doubles, events_of

OPS, DUTY = "ops@example.org", "duty@example.org"
pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("line")]


def mail(*recipients: str) -> SesChannel:
    return SesChannel(
        name="mail", client=make_ses_client(), sender=SENDER, recipients=recipients or (OPS,)
    )


def pager() -> SesChannel:
    return SesChannel(name="pager", client=make_ses_client(), sender=SENDER, recipients=(DUTY,))


def to_ops(line: SesProxy, fault: Fault) -> None:
    """What goes to this address meets this fault, always."""

    def choose(call: Call) -> Fault | None:
        return fault if OPS in call.recipients else None

    line.choose = choose


def heard(ses: MotoServer, address: str) -> list[Any]:
    return [sent.mail for sent in ses.sent() if address in sent.recipients]


def report(line: SesProxy, conn: Conn, mails: Sequence[Any]) -> None:
    on_record = states(conn, "channel, state, error_kind, attempts")
    print(
        f"{len(line.calls)} attempts, {len(line.taken)} taken, {len(doubles(mails))} twice;",
        {" ".join(map(str, state)): number for state, number in Counter(on_record).items()},
    )


async def test_throttling_when_it_passes_then_each_is_mailed_once(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    told = await tell(checker_pool, 5, group_key=None)
    line.next_faults.extend([faults.TOO_FAST, faults.THROTTLED, faults.TOO_FAST])

    async with running(outbox(checker_pool, mail())):
        await until(lambda: count(conn, "accepted") == 5)

    mails = heard(ses, OPS)
    report(line, conn, mails)
    assert sorted(e for one in mails for e in events_of(one)) == sorted(
        one.event_id for one in told
    )
    assert len(line.calls) == 5 + 3


@pytest.mark.parametrize(
    "refusal",
    [
        faults.DAY_IS_FULL,
        faults.DAY_IS_FULL_V1,
        faults.PAUSED,
        faults.SUSPENDED,
    ],
)
async def test_account_when_it_cannot_for_long_then_next_channel_hears_now(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool, refusal: Refusal
) -> None:
    told = await tell(checker_pool, 5, group_key=None)
    to_ops(line, refusal)

    async with running(outbox(checker_pool, mail(), pager(), fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 5)

    report(line, conn, heard(ses, DUTY))
    assert all_events(heard(ses, DUTY)) == {one.event_id for one in told}
    assert heard(ses, OPS) == []
    assert states(conn, "channel, state, error_kind, attempts") == [
        *[("mail", "given_up", "next_channel", 1)] * 5,
        *[("pager", "accepted", None, 1)] * 5,
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        faults.DAY_IS_FULL,
        faults.PAUSED,
        faults.SUSPENDED,
    ],
)
async def test_account_when_it_can_again_and_there_was_no_other_way_then_each_is_mailed(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool, refusal: Refusal
) -> None:
    told = await tell(checker_pool, 5, group_key=None)
    to_ops(line, refusal)

    async with running(outbox(checker_pool, mail())):
        await until(lambda: len(line.calls) == 5 and count(conn, "waiting") == 5)
        waiting = states(
            conn, "error_kind, retry_at BETWEEN now() AND now() + interval '5 minutes'"
        )
        line.choose = faults.no_fault
        conn.execute("UPDATE metrics.notification SET retry_at = now()")
        await until(lambda: count(conn, "accepted") == 5)

    report(line, conn, heard(ses, OPS))
    assert waiting == [("next_channel", True)] * 5
    assert all_events(heard(ses, OPS)) == {one.event_id for one in told}


async def test_token_when_expired_then_mailed_with_the_next_one(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    [told] = await tell(checker_pool, 1)
    line.next_faults.append(faults.TOKEN_EXPIRED)

    async with running(outbox(checker_pool, mail())):
        await until(lambda: count(conn, "waiting") == 1 and len(line.calls) == 1)
        waiting = states(conn, "error_kind, error_text")
        await until(lambda: count(conn, "accepted") == 1)

    report(line, conn, heard(ses, OPS))
    assert waiting == [
        (
            "retry",
            "Amazon SES: ExpiredTokenException: The security token included has expired",
        )
    ]
    assert [events_of(one) for one in heard(ses, OPS)] == [{told.event_id}]


@pytest.mark.parametrize("refusal", [faults.SIGNED_LATE, faults.SIGNED_EARLY])
async def test_signature_when_own_clock_is_wrong_then_it_is_named_and_another_channel_hears(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool, refusal: Refusal
) -> None:
    [told] = await tell(checker_pool, 1)
    to_ops(line, refusal)

    async with running(outbox(checker_pool, mail(), pager(), fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 1)
        [(kind, reason), _] = states(conn, "error_kind, error_text")
        line.choose = faults.no_fault  # the clock is right again
        await until(lambda: count(conn, "accepted") == 2)

    report(line, conn, heard(ses, OPS))
    assert kind == "own_clock"
    assert reason.endswith("(this machine's clock differs from AWS's)")
    assert all_events(heard(ses, DUTY)) == all_events(heard(ses, OPS)) == {told.event_id}


@pytest.mark.parametrize("fault", [LineFault.ANSWER_LOST, LineFault.RESET_IN_ANSWER])
async def test_answer_when_lost_then_mailed_twice_with_the_same_ids(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool, fault: Fault
) -> None:
    [told] = await tell(checker_pool, 1)
    line.next_faults.append(fault)

    async with running(outbox(checker_pool, mail())):
        await until(lambda: count(conn, "accepted") == 1)

    first, second = heard(ses, OPS)
    report(line, conn, [first, second])
    assert events_of(first) == events_of(second) == {told.event_id}
    assert first["X-NTP-Checker-Message-Id"] == second["X-NTP-Checker-Message-Id"]
    assert states(conn, "state, attempts") == [("accepted", 2)]


async def test_connection_when_cut_before_the_mail_was_taken_then_mailed_once(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    [told] = await tell(checker_pool, 1)
    line.next_faults.extend([LineFault.CUT_BEFORE, LineFault.CUT_BEFORE])

    async with running(outbox(checker_pool, mail())):
        await until(lambda: count(conn, "accepted") == 1)

    report(line, conn, heard(ses, OPS))
    assert [events_of(one) for one in heard(ses, OPS)] == [{told.event_id}]


async def test_recipient_when_one_of_three_is_bad_then_the_others_hear_once_and_it_is_named(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    def choose(call: Call) -> Fault | None:
        return faults.BAD_ADDRESS if "bad@example.org" in call.recipients else None

    [told] = await tell(checker_pool, 1)
    line.choose = choose

    async with running(outbox(checker_pool, mail(OPS, "bad@example.org", DUTY))):
        await until(lambda: count(conn, "accepted") == 1)

    report(line, conn, heard(ses, OPS))
    assert [events_of(one) for one in (*heard(ses, OPS), *heard(ses, DUTY))] == [
        {told.event_id}
    ] * 2
    [(answer,)] = conn.execute("SELECT provider_answer FROM metrics.message").fetchall()
    assert "bad@example.org refused: Amazon SES: BadRequestException: Illegal address" in answer
