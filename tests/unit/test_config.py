"""Settings: every mistake at once, each with its variable, and no secret in any text."""

import os
from pathlib import Path

import pytest

from ntp_checker.config import load_settings, variable_of
from ntp_checker.config.settings import FIELDS
from ntp_checker.errors import ConfigError

SECRET = "hunter2"


def mistakes(**variables: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(variables)
    return str(caught.value).splitlines()


def test_settings_when_nothing_is_set_then_the_defaults_of_the_contract() -> None:
    settings = load_settings({})

    assert (settings.interval_s, settings.look_deadline_s, settings.gps_interval_s) == (30, 10, 30)
    assert str(settings.listen) == "127.0.0.1:8080"
    assert str(settings.checker_metrics_listen) == "127.0.0.1:9123"
    assert str(settings.dashboard_metrics_listen) == "127.0.0.1:9124"
    assert (settings.retention_days, settings.premake_days) == (90, 14)
    assert (settings.database_url, settings.embedded, settings.hosts) == (None, True, ())
    assert settings.ssh_key_path == Path.home() / ".ssh/id_ed25519"
    assert settings.ssh_known_hosts_path == Path.home() / ".ssh/known_hosts"


def test_data_dir_when_not_root_then_below_the_state_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")

    assert load_settings({}).data_dir == Path("/elsewhere/ntp-checker")

    monkeypatch.delenv("XDG_STATE_HOME")
    assert load_settings({}).data_dir == Path.home() / ".local/state/ntp-checker"


def test_data_dir_when_root_then_below_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert load_settings({}).data_dir == Path("/var/lib/ntp-checker")


def test_variable_when_empty_or_blank_then_as_if_not_set() -> None:
    blank = {variable_of(name): "  " for name in FIELDS}

    assert load_settings(blank) == load_settings({})


@pytest.mark.parametrize(
    ("interval_s", "deadline_s", "gps_interval_s"),
    [("10", 8.0, 10.0), ("12.5", 10.0, 12.5), ("1", 0.8, 10.0), ("60", 10.0, 60.0)],
)
def test_interval_when_set_then_deadline_and_gps_rhythm_follow(
    interval_s: str, deadline_s: float, gps_interval_s: float
) -> None:
    settings = load_settings({"NTP_CHECKER_INTERVAL_S": interval_s})

    assert settings.look_deadline_s == pytest.approx(deadline_s)
    assert settings.gps_interval_s == gps_interval_s


@pytest.mark.parametrize("deadline_s", ["29.999", "30"])
def test_deadline_when_not_longer_than_the_interval_then_taken(deadline_s: str) -> None:
    settings = load_settings({"NTP_CHECKER_DEADLINE_S": deadline_s})

    assert settings.look_deadline_s == float(deadline_s)


def test_deadline_when_longer_than_the_interval_then_refused() -> None:
    (mistake,) = mistakes(NTP_CHECKER_DEADLINE_S="30.001")

    assert mistake.startswith("NTP_CHECKER_DEADLINE_S: ")
    assert "looks would overlap" in mistake


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        *(("NTP_CHECKER_INTERVAL_S", text) for text in ("0", "0.09", "86401", "nan", "inf", "x")),
        *(("NTP_CHECKER_DEADLINE_S", text) for text in ("0", "-1", "nan")),
        *(("NTP_CHECKER_RETENTION_DAYS", text) for text in ("0", "-1", "36501", "1.5", "x")),
        *(("NTP_CHECKER_PREMAKE_DAYS", text) for text in ("-1", "367")),
        *(("NTP_CHECKER_LISTEN", text) for text in ("8080", "a:b", "a:65536", "::1:80", "[x]:80")),
        ("NTP_CHECKER_EMBEDDED", "perhaps"),
        ("NTP_CHECKER_LOG_LEVEL", "loud"),
        ("NTP_CHECKER_DATA_DIR", "~no-such-user/x"),
        ("NTP_CHECKER_SSH_KEY_PATH", "~no-such-user/x"),
        ("NTP_CHECKER_HOSTS", "a b"),
        ("DATABASE_URL", "mysql://h/db"),
        ("DATABASE_READ_URL", "h"),
    ],
)
def test_setting_when_wrong_then_one_mistake_names_its_variable(variable: str, text: str) -> None:
    (mistake,) = mistakes(**{variable: text})

    assert mistake.startswith(f"{variable}: ")


def test_mistakes_when_several_then_all_are_told_at_once() -> None:
    told = mistakes(
        NTP_CHECKER_INTERVAL_S="x",
        NTP_CHECKER_HOSTS="a b",
        NTP_CHECKER_LISTEN="x",
        NTP_CHECKER_INTERVALS="1",
        DATABASE_URL="x",
        DATABASE_URL_FILE="/x",
        NTP_CHECKER_RETENTION_DAYS="0",
    )

    assert [mistake.partition(":")[0] for mistake in told] == [
        "NTP_CHECKER_INTERVALS",
        "DATABASE_URL and DATABASE_URL_FILE are both set",
        "NTP_CHECKER_HOSTS",
        "NTP_CHECKER_INTERVAL_S",
        "NTP_CHECKER_LISTEN",
        "NTP_CHECKER_RETENTION_DAYS",
    ]


def test_variable_when_unknown_then_refused_with_the_nearest_name() -> None:
    assert mistakes(NTP_CHECKER_HOST="x") == [
        "NTP_CHECKER_HOST: no such setting; did you mean NTP_CHECKER_HOSTS?"
    ]


@pytest.mark.parametrize(
    "variable",
    [
        "NTP_CHECKER_SERVICE_HOST",
        "NTP_CHECKER_DASHBOARD_SERVICE_PORT_HTTP",
        "NTP_CHECKER_PORT",
        "NTP_CHECKER_PORT_8080_TCP",
        "NTP_CHECKER_PORT_8080_TCP_ADDR",
        "PATH",
        "NTP",
    ],
)
def test_variable_when_a_service_link_or_not_ours_then_ignored(variable: str) -> None:
    assert load_settings({variable: "tcp://10.0.0.1:8080"}) == load_settings({})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("127.0.0.1:80", "127.0.0.1:80"),
        (":80", "0.0.0.0:80"),
        ("[::1]:80", "[::1]:80"),
        ("localhost:0", "localhost:0"),
    ],
)
def test_listen_when_address_and_port_then_taken(text: str, shown: str) -> None:
    assert str(load_settings({"NTP_CHECKER_LISTEN": text}).listen) == shown


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_database_url_when_of_postgresql_then_taken(scheme: str) -> None:
    url = f"{scheme}://u:{SECRET}@h/db"

    assert load_settings({"DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{SECRET}@h/db",
        f"postgresql://u:[{SECRET}]x@h/db",
        f"postgresql://u:[{SECRET}@h/db",
        f"postgresql://u:\u2100{SECRET}@h/db",
        SECRET,
    ],
)
def test_database_url_when_refused_then_its_password_is_not_told(url: str) -> None:
    (mistake,) = mistakes(DATABASE_URL=url)

    assert mistake == "DATABASE_URL: write postgresql://user:password@host:5432/database"


def test_secret_when_in_a_file_then_read_without_its_end_of_line(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u:p@h/db\n")

    assert load_settings({"DATABASE_URL_FILE": str(file)}).database_url == "postgresql://u:p@h/db"


def test_secret_file_when_it_holds_a_wrong_url_then_its_text_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(SECRET)

    assert SECRET not in str(mistakes(DATABASE_URL_FILE=str(file)))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_secret_file_when_it_cannot_be_read_then_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    (mistake,) = mistakes(DATABASE_URL_FILE=str(file))

    assert mistake.startswith(f"DATABASE_URL_FILE: can't read {file}: ")


def test_secret_file_when_its_home_does_not_exist_then_refused() -> None:
    (mistake,) = mistakes(DATABASE_URL_FILE="~no-such-user/url")

    assert mistake.startswith("DATABASE_URL_FILE: can't read ~no-such-user/url: ")


def test_heartbeat_url_when_in_a_file_then_its_variable_has_our_prefix(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://hc.example.net/ping/1?a=b\n")

    settings = load_settings({"NTP_CHECKER_HEARTBEAT_URL_FILE": str(file)})

    assert settings.heartbeat_url == "https://hc.example.net/ping/1?a=b"


@pytest.mark.parametrize(
    "url", [f"ftp://h/{SECRET}", f"https://u:{SECRET}@h/", f"https://h/{SECRET} x", SECRET]
)
def test_heartbeat_url_when_refused_then_it_is_not_told(url: str) -> None:
    (mistake,) = mistakes(NTP_CHECKER_HEARTBEAT_URL=url)

    assert mistake == "NTP_CHECKER_HEARTBEAT_URL: write https://host/path, without an account"


def test_file_variable_when_the_setting_is_no_secret_then_unknown() -> None:
    (mistake,) = mistakes(NTP_CHECKER_HOSTS_FILE="/x")

    assert mistake.startswith("NTP_CHECKER_HOSTS_FILE: no such setting")


def test_hosts_when_listed_then_the_default_user_is_theirs() -> None:
    settings = load_settings({"NTP_CHECKER_HOSTS": "a, u@b", "NTP_CHECKER_SSH_USER": "ntp"})

    assert [host.target for host in settings.hosts] == ["ntp@a", "u@b"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("127.0.0.1:9123", "127.0.0.1:9124"),
        ("[::1]:9123", "[::1]:9124"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:65535", "127.0.0.1:0"),
    ],
)
def test_metrics_listen_when_two_need_one_then_the_second_is_next_to_it(
    given: str, shown: str
) -> None:
    listen = load_settings({"NTP_CHECKER_METRICS_LISTEN": given}).metrics_listen

    assert listen is not None
    assert str(listen.next_port) == shown
