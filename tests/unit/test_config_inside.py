"""Channels whose URL leads inside, as far as the file alone shows it."""

from pathlib import Path

import pytest

from tests.settings_files import mistakes, settings


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def channel(url: str, *, more: str = "", kind: str = "webhook") -> str:
    return f'channels: {{a: {{kind: {kind}, url: "{url}"{more}}}}}'


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:9/not-to-be-shown", "127.0.0.1"),
        ("https://localhost/not-to-be-shown", "127.0.0.1"),
        ("https://LOCALHOST:8443/not-to-be-shown", "127.0.0.1"),
        ("https://10.1.2.3/not-to-be-shown", "10.1.2.3"),
        ("https://[::1]:8443/not-to-be-shown", "::1"),
        ("https://[fd00::1]/not-to-be-shown", "fd00::1"),
    ],
)
def test_url_when_it_leads_inside_then_told_with_what_allows_it(url: str, address: str) -> None:
    assert mistakes(channel(url)) == [
        (
            f"hosts.yaml:1: channels.a.url: leads inside, to {address}: "
            "set allow_private: true if it is meant"
        )
    ]


@pytest.mark.parametrize(
    ("kind", "more"), [("slack", ""), ("pagerduty", ", secret: x"), ("webhook", "")]
)
def test_url_when_it_leads_inside_then_told_of_each_kind(kind: str, more: str) -> None:
    (told,) = mistakes(channel("https://10.1.2.3/", more=more, kind=kind))

    assert "channels.a.url: leads inside" in told


def test_url_when_from_a_file_then_the_file_is_named() -> None:
    Path("url").write_text("https://10.1.2.3/not-to-be-shown\n")

    (told,) = mistakes("channels: {a: {kind: webhook, url_file: url}}")

    assert "channels.a.url_file: leads inside, to 10.1.2.3" in told


@pytest.mark.parametrize(
    "url",
    [
        "https://192.0.2.7.example.org/",
        "https://hooks.example.org/10.1.2.3",
        "https://1.1.1.1/",
        "https://inside.example.org/?at=127.0.0.1",
    ],
)
def test_url_when_it_does_not_lead_inside_by_itself_then_taken(url: str) -> None:
    (found,) = settings(channel(url)).channels

    assert found.url == url


def test_url_when_private_is_allowed_then_taken() -> None:
    (found,) = settings(channel("http://127.0.0.1:9/", more=", allow_private: true")).channels

    assert found.allow_private


@pytest.mark.parametrize("more", ["", ", allow_private: true"])
def test_url_when_link_local_then_nothing_allows_it(more: str) -> None:
    (told,) = mistakes(channel("http://169.254.169.254/", more=more))

    assert told.endswith("leads inside, to 169.254.169.254: no channel may lead there")
