"""When a dashboard may start: never open to strangers by accident."""

import pytest

from ntp_checker.config import check_sign_in, load_settings
from ntp_checker.errors import ConfigError
from tests.settings_files import HASH

USERS = f"ada:act:{HASH}"
KEY = "k" * 32


def refusal(**environ: str) -> str | None:
    try:
        check_sign_in(
            load_settings({f"NTP_CHECKER_{name}": text for name, text in environ.items()})
        )
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:8080", "127.9.9.9:1", "[::1]:8080", "localhost:8080"]
)
def test_no_sign_in_when_on_loopback_then_started(listen: str) -> None:
    assert refusal(LISTEN=listen) is None


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:8080", ":8080", "[::]:8080", "192.0.2.1:80", "ntp.example.org:80", "localhost.x:80"],
)
def test_no_sign_in_when_beyond_loopback_then_refused_in_one_line(listen: str) -> None:
    told = refusal(LISTEN=listen)

    assert told is not None
    assert told.startswith("NTP_CHECKER_LISTEN: ")
    assert "NTP_CHECKER_AUTH_NONE_ANYWHERE" in told
    assert len(told.splitlines()) == 1


def test_no_sign_in_when_beyond_loopback_and_said_twice_then_started() -> None:
    assert refusal(LISTEN=":8080", AUTH="none", AUTH_NONE_ANYWHERE="1") is None


def test_no_sign_in_when_said_but_once_then_refused() -> None:
    assert refusal(LISTEN=":8080", AUTH="none") is not None


def test_basic_when_there_is_a_user_then_started_anywhere() -> None:
    assert refusal(LISTEN=":8080", AUTH="basic", USERS=USERS) is None


def test_basic_when_there_is_no_user_then_refused() -> None:
    told = refusal(AUTH="basic")

    assert told is not None
    assert told.startswith("NTP_CHECKER_AUTH: basic needs a user: set NTP_CHECKER_USERS")


@pytest.mark.parametrize(("key", "is_refused"), [({}, True), ({"SECRET_KEY": KEY}, False)])
def test_basic_when_nothing_is_embedded_then_a_key_must_be_given(
    key: dict[str, str], is_refused: bool
) -> None:
    told = refusal(AUTH="basic", USERS=USERS, EMBEDDED="0", **key)

    assert (told is not None) is is_refused
    assert told is None or told.startswith("NTP_CHECKER_SECRET_KEY: not set")


def test_no_sign_in_when_nothing_is_embedded_then_no_key_is_asked_for() -> None:
    assert refusal(EMBEDDED="0") is None
