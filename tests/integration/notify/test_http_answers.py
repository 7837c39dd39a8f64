"""Which addresses are outside, what is a URL, and what an answer means."""

import ipaddress

import pytest

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.notify.http import Answer, Endpoint, check_taken
from ntp_checker.reach import Reach, is_allowed


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - looked at, not listened on
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
    ],
)
def test_address_when_inward_then_refused(text: str) -> None:
    assert not is_allowed(ipaddress.ip_address(text), Reach.OUTWARD)


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_address_when_outward_then_allowed(text: str) -> None:
    assert is_allowed(ipaddress.ip_address(text), Reach.OUTWARD)


@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "::1", "fc00::1"])
def test_address_when_private_is_allowed_then_allowed(text: str) -> None:
    assert is_allowed(ipaddress.ip_address(text), Reach.INWARD_TOO)


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "168.63.129.16",
        "fd00:ec2::254",
        "fe80::1",
        "::",
        "224.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:168.63.129.16",
    ],
)
def test_address_when_private_is_allowed_then_metadata_is_not(text: str) -> None:
    assert not is_allowed(ipaddress.ip_address(text), Reach.INWARD_TOO)


@pytest.mark.parametrize(
    "url",
    ["ftp://a/", "https://", "https://user:secret@a/", "https://a:99999/", "x", "https://a/b c"],
)
def test_endpoint_when_no_http_url_then_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SendError) as caught:
        Endpoint.of(url)

    assert caught.value.kind is SendErrorKind.PERMANENT
    assert str(caught.value) == "the URL is not understood"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_taken_when_2xx_then_taken(status: int) -> None:
    check_taken(Answer(status=status, retry_after_s=None, body=""), Endpoint.of("https://a/"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, SendErrorKind.NEXT_CHANNEL),
        (302, SendErrorKind.NEXT_CHANNEL),
        (400, SendErrorKind.PERMANENT),
        (403, SendErrorKind.NEXT_CHANNEL),
        (404, SendErrorKind.NEXT_CHANNEL),
        (408, SendErrorKind.RETRY),
        (425, SendErrorKind.RETRY),
        (429, SendErrorKind.RETRY),
        (413, SendErrorKind.PERMANENT),
        (422, SendErrorKind.PERMANENT),
        (499, SendErrorKind.NEXT_CHANNEL),
        (500, SendErrorKind.RETRY),
        (503, SendErrorKind.RETRY),
    ],
)
def test_taken_when_refused_then_says_what_can_be_done(status: int, kind: SendErrorKind) -> None:
    answer = Answer(status=status, retry_after_s=7.0, body="")
    with pytest.raises(SendError) as caught:
        check_taken(answer, Endpoint.of("https://a/"))

    assert caught.value.kind is kind
    assert caught.value.retry_after_s == (7.0 if kind is SendErrorKind.RETRY else None)


def test_taken_when_body_repeats_a_secret_then_not_told() -> None:
    answer = Answer(status=400, retry_after_s=None, body="no such hook /T0/very-secret for k3y\x1b")
    with pytest.raises(SendError) as caught:
        check_taken(answer, Endpoint.of("https://a/T0/very-secret"), secrets=("k3y",))

    assert str(caught.value) == "a answers 400: no such hook *** for ***"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no_team T0AAAAAAAA", "no_team ***"),
        ("token very-secret is not valid", "token *** is not valid"),
        ("no such hook", "no such hook"),
    ],
)
def test_taken_when_body_repeats_a_piece_of_the_path_then_not_told(said: str, told: str) -> None:
    answer = Answer(status=404, retry_after_s=None, body=said)
    with pytest.raises(SendError) as caught:
        check_taken(answer, Endpoint.of("https://a/hook/T0AAAAAAAA?token=very-secret"))

    assert str(caught.value) == f"a answers 404: {told}"
