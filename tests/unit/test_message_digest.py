"""Several notices in one message."""

import tracemalloc

import pytest

from ntp_checker.message import AlertNotice, MessageState
from ntp_checker.model import ProblemCode, Severity, TransitionKind
from tests.notices import make_message, make_notice

LOST = ProblemCode.HOST_UNREACHABLE


def lost_hosts(count: int) -> list[AlertNotice]:
    return [make_notice(f"ntp{number:05d}", LOST, reason="no answer") for number in range(count)]


def test_digest_when_hosts_are_lost_then_title_counts_them() -> None:
    message = make_message(*lost_hosts(500))

    assert message.title == "CRITICAL [500 alerts on 500 hosts] host unreachable (500)"


def test_digest_when_composed_then_leads_to_all_and_to_what_to_do_about_the_worst() -> None:
    text = make_message(*lost_hosts(2)).text

    assert "Alerts: https://ntp.example.org/alerts\n" in text
    assert "Runbook: https://ntp.example.org/runbook#host_unreachable" in text


def test_digest_when_composed_then_has_no_thread() -> None:
    assert make_message(*lost_hosts(2)).thread_key is None


def test_digest_when_list_is_long_then_the_rest_is_counted() -> None:
    assert "… and 480 more: ntp00020, ntp00021, " in make_message(*lost_hosts(500)).text


def test_digest_when_hundreds_of_hosts_are_lost_then_each_is_named() -> None:
    text = make_message(*lost_hosts(500)).text

    assert all(f"ntp{number:05d}" in text for number in range(500))


def test_digest_when_thousands_of_hosts_are_lost_then_names_end() -> None:
    text = make_message(*lost_hosts(5_000)).text

    assert "ntp00519, …" in text
    assert "ntp00520" not in text


def test_digest_when_two_severities_then_worst_first() -> None:
    mild = make_notice("a", ProblemCode.FEW_SOURCES, severity=Severity.WARNING)
    message = make_message(mild, make_notice("z"))

    assert message.title.startswith("CRITICAL")
    assert message.text.index("CRITICAL clock offset") < message.text.index("WARNING too few")


def test_digest_when_some_are_over_then_they_stand_last() -> None:
    over = make_notice("a", kind=TransitionKind.RESOLVED)
    message = make_message(over, make_notice("z", severity=Severity.WARNING))

    assert message.state is MessageState.FIRING
    assert message.text.index("WARNING clock") < message.text.index("RESOLVED clock")


def test_digest_when_all_are_over_then_resolved() -> None:
    over = [make_notice(host, kind=TransitionKind.RESOLVED) for host in "ab"]

    assert make_message(*over).state is MessageState.RESOLVED


def test_digest_when_hosts_have_groups_then_they_are_apart() -> None:
    message = make_message(make_notice("a", group="Berlin"), make_notice("b", group="Oslo"))

    assert "CRITICAL clock offset, group Berlin: 1" in message.text
    assert "CRITICAL clock offset, group Oslo: 1" in message.text


def test_digest_when_many_kinds_then_sections_are_bounded() -> None:
    notices = [make_notice(f"h{n}", group=f"group {n:03d}") for n in range(300)]
    message = make_message(*notices)

    assert message.text.count("CRITICAL clock offset, group") == 20
    assert "280 alerts of 280 more kinds" in message.text


def test_compose_when_one_alert_opens_and_ends_then_one_letter_in_its_thread() -> None:
    opened, resolved = make_notice(), make_notice(kind=TransitionKind.RESOLVED, ordinal=2)
    message = make_message(resolved, opened)

    assert message.title == "RESOLVED [gps1] clock offset"
    assert message.thread_key == opened.thread_key
    assert set(message.event_ids) == {opened.transition.event_id, resolved.transition.event_id}


def test_digest_when_a_thousand_then_each_event_id_is_in_the_text() -> None:
    message = make_message(*lost_hosts(1_000))

    assert all(str(event_id) in message.text for event_id in message.event_ids)


@pytest.mark.parametrize("count", [1_001, 10_000])
def test_digest_when_more_than_a_thousand_then_the_others_are_on_record(count: int) -> None:
    message = make_message(*lost_hosts(count))

    assert len(message.event_ids) == count
    assert f"and {count - 1_000} more on record" in message.text


def test_digest_when_10000_then_small_in_bytes_and_memory() -> None:
    notices = lost_hosts(10_000)
    tracemalloc.start()
    try:
        message = make_message(*notices)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(message.text) + len(message.html or "") < 150_000
    assert peak_bytes < 20_000_000
