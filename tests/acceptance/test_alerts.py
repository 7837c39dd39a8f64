"""A clock that goes wrong: who is told, in which words, and that it is over."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.commands import run
from tests.acceptance.mail import MAIL_WAIT_S, OPS, mail_settings, rows
from tests.acceptance.processes import Service, settings_for
from tests.moto_server import MotoServer, SentMail
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until


def titled(moto: MotoServer, beginning: str, about: str) -> SentMail | None:
    return next(
        (
            sent
            for sent in moto.sent()
            if sent.mail["Subject"].startswith(beginning) and about in sent.mail["Subject"]
        ),
        None,
    )


@pytest.mark.timeout(400)
def test_wrong_clock_is_mailed_once_and_its_end_in_the_same_thread(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    moto: MotoServer,
    tmp_path: Path,
) -> None:
    host = rig_host()
    url = postgres.url(database)
    settings = settings_for(
        rig.env() | mail_settings(moto.url),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=host.target,
        NTP_CHECKER_PUBLIC_URL="https://ntp.example.org",
    )
    seen = "SELECT 1 FROM metrics.latest WHERE sample ->> 'status' = 'ok'"
    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: rows(url, seen), "the clock is right", timeout_s=MAIL_WAIT_S)
        host.change_clock_offset(0.25)
        opened = wait_until(
            lambda: titled(moto, "CRITICAL", "clock offset"), "it is told", timeout_s=MAIL_WAIT_S
        )
        host.change_clock_offset(0.0)
        resolved = wait_until(
            lambda: titled(moto, "RESOLVED", "clock offset"), "it is over", timeout_s=MAIL_WAIT_S
        )
        unsent = "SELECT 1 FROM metrics.notification WHERE state <> 'accepted'"
        wait_until(lambda: not rows(url, unsent), "all is told", timeout_s=MAIL_WAIT_S)
        status, _ = monitor.stop()
    listed = run("alerts", "list", "--all", settings=settings)

    text = opened.part("plain")
    assert opened.recipients == (OPS,)
    assert f"[{host.address}]" in opened.mail["Subject"]
    assert "250 ms ahead" in text
    assert "chronyc" in text  # what to run first
    assert resolved.mail["References"] == opened.mail["References"]
    told = [sent.mail["Subject"] for sent in moto.sent()]
    assert len([title for title in told if "clock offset" in title]) == 2, told
    assert status == 0
    assert "clock is 250 ms ahead, limit 50 ms" in listed.stdout
    history = rows(
        url,
        "SELECT transition FROM metrics.alert_event WHERE code = 'offset_high' ORDER BY ordinal",
    )
    assert [transition for (transition,) in history] == ["opened", "resolved"]


def test_channel_when_tried_then_one_mail_and_the_providers_answer(
    moto: MotoServer, tmp_path: Path
) -> None:
    tried = run("alerts", "test", "ses", settings=settings_for(mail_settings(moto.url), tmp_path))

    assert (tried.returncode, tried.stderr) == (0, "")
    assert tried.stdout.startswith(f"ses: accepted for {OPS}: ")
    assert [sent.mail["Subject"] for sent in moto.sent()] == ["TEST [NTP Checker] channel ses"]


def test_channel_when_refused_then_why_and_exit_1(moto: MotoServer, tmp_path: Path) -> None:
    settings = settings_for(mail_settings(moto.url), tmp_path) | {
        "NTP_CHECKER_SES_FROM": "other@example.net"
    }

    tried = run("alerts", "test", "ses", settings=settings)

    assert (tried.returncode, tried.stdout) == (1, "")
    assert "not accepted until somebody puts it right" in tried.stderr
    assert (
        "the sender other@example.net is not allowed: Amazon SES: MessageRejected" in tried.stderr
    )
    assert "Traceback" not in tried.stderr


def test_channel_when_there_is_none_of_this_name_then_names_those_there_are(
    moto: MotoServer, tmp_path: Path
) -> None:
    tried = run("alerts", "test", "mail", settings=settings_for(mail_settings(moto.url), tmp_path))

    assert tried.returncode == 2
    assert "there is no channel 'mail'; configured: ses" in tried.stderr
