"""Channels, routes and the policy of alerts in the settings file."""

from datetime import time, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from ntp_checker.config.schema import file_schema
from ntp_checker.config.show import show_lines
from ntp_checker.model import (
    AlertPolicy,
    ChannelKind,
    ChannelSettings,
    Hours,
    ProblemCode,
    Route,
    Severity,
    SmtpSecurity,
)
from tests.settings_files import load, mistakes, settings

ALERTING = """\
hosts: [a]
groups: {roof: {}}
channels:
  mail: {kind: ses, from: ntp@example.org, to: [ops@example.org, b@example.org]}
  own-mail:
    kind: smtp
    from: ntp@example.org
    to: [ops@example.org]
    host: mail.example.org
    port: 465
    security: tls
    user: ntp
    password: not-to-be-shown
  hook: {kind: webhook, url: "https://hooks.example.org/not-to-be-shown", secret: not-to-be-shown}
  chat: {kind: slack, url: "https://chat.example.org/not-to-be-shown", messages_per_s: 0.5}
  duty: {kind: pagerduty, secret: not-to-be-shown}
  other: {kind: apprise, urls: ["tgram://not-to-be-shown/1", "ntfys://h/not-to-be-shown"]}
routes:
  - channels: [mail, chat]
    fallback: [duty]
    groups: [roof]
    severities: [warning]
    codes: [offset_high, gps_no_fix]
    hours: {weekdays: [mon, fri], begins: "08:00", ends: "18:30", time_zone: Europe/Zurich}
  - channels: [duty]
alerting: {bad_looks: 5, clear_ratio: 0.5, remind_every_s: 3600}
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def channel(name: str) -> ChannelSettings:
    return next(one for one in settings(ALERTING).channels if one.name == name)


def ses_tags(tags: str) -> str:
    return f"channels: {{a: {{kind: ses, from: a@b, to: [a@b], tags: {{{tags}}}}}}}"


def test_tags_when_given_then_read() -> None:
    given = ", ".join(f"t-{number}: {'v_1' * 85}x" for number in range(8))
    (found,) = settings(ses_tags(given)).channels

    assert dict(found.tags) == {f"t-{number}": f"{'v_1' * 85}x" for number in range(8)}


def test_mail_when_all_is_given_then_read() -> None:
    own = channel("own-mail")

    assert (own.kind, own.sender, own.recipients) == (
        ChannelKind.SMTP,
        "ntp@example.org",
        ("ops@example.org",),
    )
    assert (own.host, own.port, own.security) == ("mail.example.org", 465, SmtpSecurity.TLS)
    assert (own.user, own.password) == ("ntp", "not-to-be-shown")


def test_webhook_when_all_is_given_then_read() -> None:
    hook = channel("hook")

    assert (hook.url, hook.secret) == (
        "https://hooks.example.org/not-to-be-shown",
        "not-to-be-shown",
    )
    assert hook.allow_private is False


def test_channel_when_a_rate_is_given_then_its_own() -> None:
    assert (channel("chat").messages_per_s, channel("duty").messages_per_s) == (0.5, 1.0)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_secret_when_in_a_file_then_without_the_end_of_line(tmp_path: Path, ending: str) -> None:
    (tmp_path / "url").write_text(f"https://chat.example.org/x{ending}", newline="")

    (found,) = settings("channels: {chat: {kind: slack, url_file: url}}\n").channels

    assert found.url == "https://chat.example.org/x"


def test_urls_when_in_a_list_then_read() -> None:
    assert channel("other").urls == ("tgram://not-to-be-shown/1", "ntfys://h/not-to-be-shown")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_urls_when_in_a_file_then_each_line_is_one(tmp_path: Path, end: str) -> None:
    (tmp_path / "urls").write_text(f"json://a/x{end}{end}json://b/y{end}", newline="")

    (found,) = settings("channels: {other: {kind: apprise, urls_file: urls}}\n").channels

    assert found.urls == ("json://a/x", "json://b/y")


def test_urls_when_the_file_has_none_then_told_without_its_words(tmp_path: Path) -> None:
    (tmp_path / "urls").write_text("not-to-be-shown\n")

    found = "\n".join(mistakes("channels: {a: {kind: apprise, urls_file: urls}}"))

    assert "channels.a.urls_file: not a URL of apprise" in found
    assert "not-to-be-shown" not in found


def test_route_when_all_is_given_then_read() -> None:
    first, second = settings(ALERTING).routes

    assert first.channels == ("mail", "chat")
    assert first.fallback == ("duty",)
    assert first.groups == {"roof"}
    assert first.severities == {Severity.WARNING}
    assert first.codes == {ProblemCode.OFFSET_HIGH, ProblemCode.GPS_NO_FIX}
    assert isinstance(first.hours, Hours)
    assert first.hours.weekdays == {0, 4}
    assert (first.hours.begins, first.hours.ends) == (time(8), time(18, 30))
    assert first.hours.zone.key == "Europe/Zurich"
    assert second == Route(channels=("duty",))


def test_policy_when_a_part_is_given_then_the_rest_is_the_default() -> None:
    assert settings(ALERTING).alert_policy == AlertPolicy(
        bad_looks=5, clear_ratio=0.5, remind_every=timedelta(hours=1)
    )


def test_routes_when_none_are_given_then_all_goes_to_every_channel() -> None:
    found = settings(
        "channels: {a: {kind: pagerduty, secret: x}, b: {kind: pagerduty, secret: y}}\n"
    )

    assert found.routes == (Route(channels=("a", "b")),)


def test_environment_when_it_names_sender_and_recipients_then_a_channel_is_made() -> None:
    found = settings(
        "",
        NTP_CHECKER_SES_FROM="ntp@example.org",
        NTP_CHECKER_SES_TO="a@example.org, b@example.org",
    )

    assert found.channels == (
        ChannelSettings(
            name="ses",
            kind=ChannelKind.SES,
            sender="ntp@example.org",
            recipients=("a@example.org", "b@example.org"),
        ),
    )
    assert found.routes == (Route(channels=("ses",)),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("channels: {a: {}}", "channels.a: kind is missing"),
        ("channels: {a: {kind: fax}}", "channels.a.kind: 'fax': write ses, smtp, webhook"),
        ("channels: {a b: {kind: ses}}", "channels.a b: use letters, digits"),
        ("channels: {a: {kind: slack}}", "channels.a: url is missing"),
        ("channels: {a: {kind: ses, to: [a@b]}}", "channels.a: from is missing"),
        ("channels: {a: {kind: ses, from: x, to: [a@b]}}", "channels.a.from: 'x': this is no mail"),
        ("channels: {a: {kind: ses, from: a@b, to: []}}", "channels.a.to: the list is empty"),
        (ses_tags("fleet: b b"), "channels.a.tags.fleet: 'b b': letters, digits, - and _"),
        (ses_tags("fleet: é"), "channels.a.tags.fleet: 'é': letters, digits, - and _"),
        (ses_tags(f"fleet: {'b' * 257}"), "channels.a.tags.fleet: 'bbbbb"),
        (ses_tags('"a b": c'), "channels.a.tags.a b: a name of letters, digits, - and _"),
        (ses_tags("state: open"), "channels.a.tags.state: every mail has this tag already"),
        (ses_tags(", ".join(f"t{n}: x" for n in range(9))), "channels.a.tags: 9 tags: 8 at most"),
        (
            "channels: {a: {kind: slack, url: 'https://x.y', tags: {a: b}}}",
            "channels.a.tags: a channel of",
        ),
        (
            "channels: {a: {kind: ses, from: a@b, to: [a@b], host: x}}",
            "channels.a.host: a channel of kind ses has no such setting",
        ),
        ("channels: {a: {kind: slack, url: ftp://x}}", "channels.a.url: not a URL"),
        ("channels: {a: {kind: slack, url_file: none}}", "channels.a.url_file: can't read none"),
        ("channels: {a: {kind: apprise}}", "channels.a: urls is missing"),
        ("channels: {a: {kind: apprise, urls: []}}", "channels.a.urls: the list is empty"),
        ("routes: [{channels: []}]", "routes[0].channels: the list is empty"),
        (
            "channels: {a: {kind: apprise, urls: [json://x, not-to-be-shown]}}",
            "channels.a.urls[1]: not a URL of apprise: service://…",
        ),
        (
            "channels: {a: {kind: apprise, urls: [json://x], urls_file: y}}",
            "channels.a.urls_file: urls is set, too: keep one",
        ),
        (
            "channels: {a: {kind: pagerduty, secret: x, secret_file: y}}",
            "channels.a.secret_file: secret is set, too: keep one",
        ),
        (
            "channels: {a: {kind: pagerduty, secret: x, messages_per_s: 0}}",
            "channels.a.messages_per_s: 0: must be above 0",
        ),
        (
            "channels: {a: {kind: smtp, from: a@b, to: [a@b], host: x, port: 0}}",
            "channels.a.port: 0: must be 1 to 65535",
        ),
        ("routes: [{groups: [a]}]", "routes[0]: channels is missing"),
        ("routes: [{channels: [mail]}]", "routes[0].channels[0]: 'mail' is no key of channels"),
        ("alerting: {bad_looks: 0}", "alerting.bad_looks: 0: must be 1 to 1000"),
        ("alerting: {clear_ratio: 1.1}", "alerting.clear_ratio: 1.1: must be 0.01 to 1"),
        ("alerting: {looks: 3}", "alerting.looks: no such setting"),
        ("ses_from: a@b", "ses_from: ses_from and ses_to are needed both"),
    ],
)
def test_alerting_when_wrong_then_line_and_key_are_named(content: str, told: str) -> None:
    found = mistakes(content)

    assert any(f"hosts.yaml:1: {told}" in line for line in found), found


@pytest.mark.parametrize(
    "content",
    [
        "routes: [{channels: [mail]}]",
        "routes: [{channels: mail}]",
        "channels: {a: {kind: ses, from: a@b, to: [x]}}",
        "channels: {a: {kind: ses, from: a@b, to: [5]}}",
        "channels: {a: {kind: ses, from: a@b, to: a@b}}",
        "channels: {a: {kind: apprise, urls: [not-to-be-shown]}}",
        "channels: {a: {kind: apprise, urls: json://x}}",
        "{channels: {a: {kind: slack}}, routes: [{channels: [a]}]}",
    ],
)
def test_list_when_an_item_is_wrong_then_nothing_else_is_told(content: str) -> None:
    assert len(mistakes(content)) == 1, mistakes(content)


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ("{weekdays: [mon]}", "hours: begins, ends, time_zone: missing"),
        (
            '{weekdays: [mon], begins: "8", ends: "18:00", time_zone: UTC}',
            "hours.begins: '8': write it as \"08:30\"",
        ),
        (
            '{weekdays: [mon], begins: "24:00", ends: "18:00", time_zone: UTC}',
            "hours.begins: '24:00': write it",
        ),
        (
            '{weekdays: [mon], begins: "08:00", ends: "18:00", time_zone: ../x}',
            "hours.time_zone: '../x' is no time zone",
        ),
        (
            '{weekdays: [mon], begins: "08:00", ends: "18:00", time_zone: Mars/Base}',
            "hours.time_zone: 'Mars/Base' is no time zone",
        ),
    ],
)
def test_hours_when_wrong_then_told(hours: str, told: str) -> None:
    content = (
        "channels: {a: {kind: pagerduty, secret: x}}\n"
        f"routes:\n  - channels: [a]\n    hours: {hours}\n"
    )

    assert any(told in line for line in mistakes(content)), mistakes(content)


def test_settings_when_shown_then_no_secret_of_a_channel_is_in_it() -> None:
    shown = "\n".join(show_lines(load(ALERTING)))

    assert "hook: webhook to hooks.example.org" in shown
    assert "other: apprise to tgram, ntfys" in shown
    assert "not-to-be-shown" not in shown


def test_settings_when_shown_then_a_route_has_its_fallback() -> None:
    shown = list(show_lines(load(ALERTING)))

    assert any(line.startswith("  - mail, chat, else duty: group roof") for line in shown), shown


def test_schema_when_the_example_is_held_against_it_then_right() -> None:
    jsonschema.Draft202012Validator(file_schema()).validate(yaml.safe_load(ALERTING))


@pytest.mark.parametrize(
    "content",
    [
        "channels: {a: {kind: slack}}",
        "channels: {a: {kind: apprise, urls: []}}",
        "channels: {a: {kind: ses, from: a@b, to: [a@b], host: x}}",
        ses_tags("fleet: b b"),
        ses_tags("state: open"),
        ses_tags(", ".join(f"t{n}: x" for n in range(9))),
        "routes: [{groups: [a]}]",
        "alerting: {bad_looks: 0}",
    ],
)
def test_schema_when_a_mistake_is_held_against_it_then_refused(content: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(file_schema()).validate(yaml.safe_load(content))
