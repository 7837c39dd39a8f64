"""The message on one alert."""

from pathlib import Path

import pytest

from ntp_checker.message import CODE_WORDS, MessageState, compose, compose_trial
from ntp_checker.model import CHECKER, ProblemCode, Severity, TransitionKind
from tests.notices import NOW, PUBLIC_URL, make_message, make_notice


@pytest.mark.parametrize("code", ProblemCode)
def test_words_when_code_is_known_then_title_and_commands(code: ProblemCode) -> None:
    words = CODE_WORDS[code]

    assert words.title
    assert words.commands


def test_words_when_compared_then_no_two_codes_share_a_title() -> None:
    assert len({words.title for words in CODE_WORDS.values()}) == len(CODE_WORDS)


@pytest.mark.parametrize(
    ("kind", "severity", "prefix"),
    [
        (TransitionKind.OPENED, Severity.CRITICAL, "CRITICAL"),
        (TransitionKind.OPENED, Severity.WARNING, "WARNING"),
        (TransitionKind.WORSENED, Severity.CRITICAL, "CRITICAL"),
        (TransitionKind.EASED, Severity.WARNING, "WARNING"),
        (TransitionKind.REMINDED, Severity.CRITICAL, "REMINDER"),
        (TransitionKind.RESOLVED, Severity.CRITICAL, "RESOLVED"),
        (TransitionKind.FLAPPING, Severity.CRITICAL, "FLAPPING"),
        (TransitionKind.ACKNOWLEDGED, Severity.CRITICAL, "ACKNOWLEDGED"),
    ],
)
def test_title_when_alert_goes_on_then_only_its_prefix_changes(
    kind: TransitionKind, severity: Severity, prefix: str
) -> None:
    message = make_message(make_notice(kind=kind, severity=severity))

    assert message.title == f"{prefix} [gps1] clock offset"


def test_title_when_problem_has_a_subject_then_it_is_named() -> None:
    notice = make_notice(code=ProblemCode.FALSETICKER, subject="192.0.2.7")

    assert make_message(notice).title == "CRITICAL [gps1] falseticker: 192.0.2.7"


@pytest.mark.parametrize(
    "words",
    [
        "clock is 250 ms ahead, limit 50 ms",
        "Value            250 ms, limit 50 ms",
        "Peak             310 ms",
        "Since            2026-01-02 03:04:05 UTC",
        "Lasts            2 min",
        "Last good        2026-01-02 03:03:55 UTC",
        "Selected source  PPS, refclock, stratum 0",
        "GPS              3D fix, 11 of 16 satellites, HDOP 0.8",
        "Group            Berlin",
        "- source 192.0.2.7 became a falseticker",
        "  03:04:05  ok        12 µs ahead     at most 240 µs",
        "  03:04:45  critical  250 ms ahead    at most 250 ms",
        "  ssh gps1 chronyc -n tracking",
        "Acknowledge or silence: https://ntp.example.org/alerts/e47eb8d9-7a18-56be-96cd-b888f8fac1ff",
        "Runbook: https://ntp.example.org/runbook#offset_high",
        "Host at that time: https://ntp.example.org/?host=gps1&from=2026-01-02T02%3A04%3A05Z&",
        "&to=2026-01-02T04%3A05%3A05Z#offset",
        "Alerts of this host: https://ntp.example.org/alerts?host=gps1",
    ],
)
def test_text_when_clock_is_wrong_then_says_what_is_needed(words: str) -> None:
    assert words in make_message().text


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("192.0.2.7", "ssh 192.0.2.7 chronyc -n tracking"),
        ("root@192.0.2.7", "ssh root@192.0.2.7 chronyc -n tracking"),
        ("root@192.0.2.7:2222", "ssh -p 2222 root@192.0.2.7 chronyc -n tracking"),
        ("root@[2001:db8::7]:2222", "ssh -p 2222 root@2001:db8::7 chronyc -n tracking"),
        ("local", "chronyc -n tracking"),
        ("-oProxyCommand=x", "ssh gps1 chronyc -n tracking"),
        (None, "ssh gps1 chronyc -n tracking"),
    ],
)
def test_text_when_clock_is_wrong_then_first_command_reaches_the_host(
    target: str | None, command: str
) -> None:
    lines = make_message(make_notice(target=target)).text.splitlines()

    assert f"  {command}" in lines


@pytest.mark.parametrize(
    ("code", "command"),
    [
        (ProblemCode.HOST_UNREACHABLE, "ping -c 3 2001:db8::7"),
        (ProblemCode.HOST_UNREACHABLE, "ssh -v -p 2222 root@2001:db8::7 true"),
        (ProblemCode.HOST_UNREACHABLE, "ntp-checker check gps1"),
        (ProblemCode.FALSETICKER, "ssh -t -p 2222 root@2001:db8::7 sudo chronyc -n ntpdata"),
        (ProblemCode.HOST_KEY_CHANGED, "ssh-keygen -l -F '[2001:db8::7]:2222'"),
        (ProblemCode.HOST_KEY_CHANGED, "ntp-checker trust gps1"),
    ],
)
def test_command_when_host_is_at_an_address_then_each_program_gets_its_form(
    code: ProblemCode, command: str
) -> None:
    notice = make_notice(code=code, target="root@[2001:db8::7]:2222")

    assert f"  {command}" in make_message(notice).text.splitlines()


def test_command_when_host_is_the_checkers_own_machine_then_none_goes_there() -> None:
    notice = make_notice("local", ProblemCode.PROBE_FAILED, target="local")

    assert "ssh" not in make_message(notice).text


def test_text_when_host_has_a_name_of_its_own_then_its_target_is_told() -> None:
    message = make_message(make_notice(target="root@192.0.2.7:2222"))

    assert "Target           root@192.0.2.7:2222" in message.text


def test_text_when_target_is_the_name_then_it_is_told_once() -> None:
    assert "Target" not in make_message(make_notice(target="gps1")).text


def test_text_when_read_then_event_id_stands_in_it() -> None:
    message = make_message()

    assert f"Event {message.event_ids[0]}" in message.text


def test_text_when_resolved_then_says_how_long_it_was() -> None:
    message = make_message(make_notice(kind=TransitionKind.RESOLVED, ordinal=7))

    assert "Ended            2026-01-02 03:11:05 UTC, after 7 min" in message.text


@pytest.mark.parametrize("words", ["First commands"])
def test_text_when_resolved_then_asks_for_nothing(words: str) -> None:
    assert words not in make_message(make_notice(kind=TransitionKind.RESOLVED)).text


def test_text_when_there_is_no_public_url_then_no_links() -> None:
    message = compose([make_notice()], public_url=None, now=NOW)

    assert "http" not in message.text
    assert "href" not in (message.html or "")


def test_text_when_six_samples_then_last_five_are_told() -> None:
    notice = make_notice()
    six = (*notice.samples, notice.samples[-1])
    message = make_message(make_notice(samples=six))

    assert message.text.count("at most") == 5
    assert "03:04:05  ok" not in message.text


def test_text_when_about_the_checker_then_no_host_is_told() -> None:
    message = make_message(make_notice(host="*"))

    assert message.title == "CRITICAL [NTP Checker] clock offset"
    assert "Host" not in message.text


@pytest.mark.parametrize(
    ("kind", "lead"),
    [
        (TransitionKind.OPENED, "clock is 250 ms ahead, limit 50 ms; for 2 min now"),
        (TransitionKind.FLAPPING, "clock is 250 ms ahead, limit 50 ms"),
        (
            TransitionKind.RESOLVED,
            "clock is 250 ms ahead, limit 50 ms; it lasted 60 s, peak 310 ms",
        ),
    ],
)
def test_first_line_when_read_at_night_then_enough_to_decide(
    kind: TransitionKind, lead: str
) -> None:
    assert make_message(make_notice(kind=kind)).text.splitlines()[1] == lead


@pytest.mark.parametrize(
    "words",
    [
        "Severity         critical",
        "Was              clock is 310 ms ahead, limit 50 ms",
        "Began            2026-01-02 03:04:05 UTC",
        "This alert: https://ntp.example.org/alerts/",
    ],
)
def test_text_when_resolved_then_says_what_it_was(words: str) -> None:
    over = make_notice(kind=TransitionKind.RESOLVED, was="clock is 310 ms ahead, limit 50 ms")

    assert words in make_message(over).text


@pytest.mark.parametrize("kind", [TransitionKind.REMINDED, TransitionKind.FLAPPING])
def test_text_when_the_title_does_not_say_the_severity_then_the_facts_do(
    kind: TransitionKind,
) -> None:
    assert "Severity         critical" in make_message(make_notice(kind=kind)).text


def test_text_when_the_title_says_the_severity_then_the_facts_do_not() -> None:
    assert "Severity" not in make_message().text


def test_last_good_when_it_is_not_known_then_said() -> None:
    assert "Last good        not known" in make_message(make_notice(last_good_slot_at=None)).text


@pytest.mark.parametrize(
    ("code", "is_said"), [(ProblemCode.OFFSET_HIGH, False), (ProblemCode.GPS_NO_FIX, True)]
)
def test_gps_when_it_is_not_known_then_said_where_it_matters(
    code: ProblemCode, is_said: bool
) -> None:
    text = make_message(make_notice(code=code, gps=None)).text

    assert ("GPS              not known" in text) is is_said


def test_links_when_the_checker_itself_then_to_no_host() -> None:
    text = make_message(make_notice(host=CHECKER, code=ProblemCode.SPOOL_BACKLOG)).text

    assert "Runbook: https://ntp.example.org/runbook#spool_backlog" in text
    assert "?host=" not in text


def test_command_when_a_channel_is_dead_then_it_tries_that_one() -> None:
    dead = make_notice(host=CHECKER, code=ProblemCode.CHANNEL_DEAD, subject="mail")

    assert "  ntp-checker alerts test mail" in make_message(dead).text


def test_thread_when_alert_goes_on_then_stays() -> None:
    opened = make_message(make_notice())
    resolved = make_message(make_notice(kind=TransitionKind.RESOLVED, ordinal=2))

    assert opened.thread_key == resolved.thread_key


def test_thread_when_another_alert_then_another() -> None:
    assert make_message().thread_key != make_message(make_notice(host="gps2")).thread_key


def test_message_id_when_composed_again_then_the_same() -> None:
    assert make_message().message_id == make_message().message_id


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (TransitionKind.OPENED, MessageState.FIRING),
        (TransitionKind.FLAPPING, MessageState.FIRING),
        (TransitionKind.RESOLVED, MessageState.RESOLVED),
    ],
)
def test_state_when_composed_then_says_whether_it_holds(
    kind: TransitionKind, state: MessageState
) -> None:
    assert make_message(make_notice(kind=kind)).state is state


def test_compose_when_there_is_nothing_to_say_then_refuses() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        compose([], public_url=None, now=NOW)


def test_trial_when_composed_then_about_no_alert() -> None:
    message_id = make_message().message_id
    trial = compose_trial("mail", public_url=PUBLIC_URL, now=NOW, message_id=message_id)

    assert trial.title == "TEST [NTP Checker] channel mail"
    assert trial.event_ids == ()
    assert f"Message {message_id}" in trial.text


@pytest.mark.parametrize("name", ["one", "digest"])
def test_examples_when_rendered_then_text_and_html_are_files(tmp_path: Path, name: str) -> None:
    notices = [make_notice()] if name == "one" else [make_notice(f"ntp{n}") for n in range(30)]
    message = make_message(*notices)
    text_path, html_path = tmp_path / f"{name}.txt", tmp_path / f"{name}.html"
    text_path.write_text(message.text, encoding="utf-8")
    html_path.write_text(message.html or "", encoding="utf-8")

    assert text_path.read_text(encoding="utf-8").startswith(message.title)
    assert html_path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
