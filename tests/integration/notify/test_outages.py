"""A channel that was away, and what people hear once it is back.

By the product's own parts from the samples on; hours are made by setting the rows' times back.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.config import Settings
from ntp_checker.model import JudgedSample, Route
from ntp_checker.notify.ses import SesChannel, make_ses_client
from ntp_checker.outbox import Outbox
from ntp_checker.store.pool import CheckerPool
from ntp_checker.telling import make_compose
from ntp_checker.writer import WriterRow, write_batch
from tests import ses_proxy as faults
from tests.integration.notify.conftest import SENDER
from tests.made_alerts import CRITICAL_S, GOOD_S, judged, offset
from tests.made_samples import SAMPLE
from tests.moto_server import MotoServer
from tests.outboxes import count, outbox, running, states, with_pager
from tests.ses_proxy import Call, Fault, LineFault, SesProxy
from tests.stored_alerts import tell
from tests.stored_samples import Conn, slot, take, until
from tests.told_mails import all_events, doubles, events_of, text_of

OPS, DUTY = "ops@example.org", "duty@example.org"
TO_MAIL = Alerting(routes=(Route(channels=("mail",)),), interval_s=1.0)
pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("line")]


def channel(name: str, recipient: str) -> SesChannel:
    return SesChannel(name=name, client=make_ses_client(), sender=SENDER, recipients=(recipient,))


def sender(pool: CheckerPool, *channels: SesChannel, **more: Any) -> Outbox:
    """With the product's own words."""
    compose = make_compose(Settings(public_url="https://ntp.example.org"))
    return outbox(pool, *channels, compose=compose, **more)


def look(at: datetime, size_s: float, host: str) -> JudgedSample:
    return judged(at, offset(size_s), sample=replace(SAMPLE, host=host, taken_at=at))


async def see(pool: CheckerPool, epochs: dict[str, int], first: int, *sizes_s: float) -> None:
    """So many looks at each of these hosts; a batch for each host, so that nobody waits for many."""
    for host, epoch in epochs.items():
        looks = [look(slot(first + n), size_s, host) for n, size_s in enumerate(sizes_s)]
        async with pool.connection() as held:
            rows = [WriterRow(lease_epoch=epoch, judged=one) for one in looks]
            await write_batch(held, rows, TO_MAIL)


def always(fault: Fault) -> Any:
    return lambda _: fault


async def test_alert_when_over_before_its_first_mail_went_then_one_mail_says_both(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "ntp1")
    line.choose = always(LineFault.CUT_BEFORE)

    async with running(sender(checker_pool, channel("mail", OPS))):
        await see(checker_pool, epochs, 0, *[CRITICAL_S] * 3)
        await until(lambda: len(line.calls) >= 2)
        await see(checker_pool, epochs, 3, GOOD_S, GOOD_S)
        line.choose = faults.no_fault
        await until(lambda: count(conn, "accepted") == 2)

    mails = [sent.mail for sent in ses.sent()]
    print([one["Subject"] for one in mails], text_of(mails[-1]).splitlines()[:12])
    assert [one["Subject"] for one in mails] == ["RESOLVED [ntp1] clock offset"]
    assert len(events_of(mails[0])) == 2


@pytest.mark.timeout(240)
async def test_channel_when_away_for_six_hours_then_one_digest_and_what_is_new(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    old = await take(checker_pool, *(f"ntp{n}" for n in range(60)))
    over = dict(list(old.items())[:40])
    line.choose = always(LineFault.CUT_BEFORE)

    async with running(sender(checker_pool, channel("mail", OPS))):
        await see(checker_pool, old, 0, *[CRITICAL_S] * 3)
        await see(checker_pool, over, 3, GOOD_S, GOOD_S)
        conn.execute(
            "UPDATE metrics.notification"
            " SET not_before_at = now() - (310 + random() * 21000) * interval '1 second'"
        )
        await until(lambda: len(line.calls) >= 3)
        new = await take(checker_pool, *(f"new{n}" for n in range(3)))
        await see(checker_pool, new, 0, *[CRITICAL_S] * 3)
        attempts = len(line.calls)
        line.choose = faults.no_fault
        await until(lambda: count(conn, "accepted") == 60 + 40 + 3)

    mails = [sent.mail for sent in ses.sent()]
    titles = sorted((str(one["Subject"]) for one in mails), key=len)
    print(f"{attempts} attempts while away, then {len(mails)} mails for 103 transitions:", titles)
    digests = [one for one in mails if len(events_of(one)) == 100]
    assert len(digests) == 1
    assert digests[0]["Subject"].startswith("CRITICAL [60 alerts on 60 hosts] clock offset (20)")
    assert len(mails) <= 1 + 3
    assert doubles(mails) == []


async def test_channels_when_all_are_dead_then_all_waits_and_is_told_when_they_are_back(
    line: SesProxy, ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    def choose(call: Call) -> Fault | None:
        return LineFault.CUT_BEFORE if OPS in call.recipients else faults.PAUSED

    told = await tell(checker_pool, 10, group_key=None)
    conn.execute("UPDATE metrics.notification SET attempts = 70")  # hours of back-off
    line.choose = choose
    ways = (channel("mail", OPS), channel("pager", DUTY))

    async with running(sender(checker_pool, *ways, fallbacks_of=with_pager)):
        await until(lambda: len(line.calls) >= 4 and count(conn, "claimed") == 0)
        await until(lambda: ("pager", "next_channel") in states(conn, "channel, error_kind"))
        waits = conn.execute(
            "SELECT max(extract(epoch FROM retry_at - now())) FROM metrics.notification"
        ).fetchall()
        dead = states(conn, "state")
        line.choose = faults.no_fault
        conn.execute("UPDATE metrics.notification SET retry_at = now()")
        await until(lambda: count(conn, "waiting") + count(conn, "claimed") == 0)

    mails = [sent.mail for sent in ses.sent()]
    print(f"longest wait {waits[0][0]:.0f} s; {len(mails)} mails once they were back")
    assert {state for (state,) in dead} <= {"waiting", "claimed"}
    assert waits[0][0] <= 300
    assert all_events(mails) == {one.event_id for one in told}
    assert count(conn, "given_up") == 0


async def test_host_when_its_words_are_hostile_then_mail_parses_and_headers_are_ours(
    ses: MotoServer, conn: Conn, checker_pool: CheckerPool
) -> None:
    hostile = (
        "\x1b[31mred\x1b[0m\r\nBcc: eve@example.org\r\nSubject: you won\r\n\r\n\u202eevil\u2066\u0007"
        "<script>alert(1)</script>" + "x" * 100_000
    )
    [told] = await tell(checker_pool, 1)
    conn.execute("UPDATE metrics.alert_event SET reason = %s", [hostile])
    conn.execute(
        "UPDATE metrics.alert SET reason = %(it)s, subject = %(it)s", {"it": hostile[:900]}
    )

    async with running(sender(checker_pool, channel("mail", OPS))):
        await until(lambda: count(conn, "accepted") == 1)

    [sent] = ses.sent()
    raw = sent.mail.as_bytes()
    print(f"{len(raw)} bytes: {sent.mail['Subject']!r}")
    assert sent.recipients == (OPS,)
    assert sent.mail.get_all("Bcc") is None
    assert [str(one) for one in sent.mail.get_all("Subject")] == [sent.mail["Subject"]]
    assert len(sent.mail["Subject"]) <= 200
    assert not {"\x1b", "\x07", "\u202e", "\u2066"} & set(text_of(sent.mail) + sent.part("html"))
    assert "<script" not in sent.part("html")
    assert len(raw) < 20_000
    assert events_of(sent.mail) == {told.event_id}
