"""The settings file: every mistake in one go, each with its file, line and key."""

import time
from pathlib import Path

import pytest

from ntp_checker.config import load_configuration
from ntp_checker.config.mistakes import MAX_TOLD
from ntp_checker.errors import ConfigError
from ntp_checker.model import HasGps, Role, Severity
from tests.settings_files import FULL, mistakes, settings


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_file_when_complete_then_every_value_is_in_force() -> None:
    found = settings(FULL)

    assert (found.interval_s, found.look_deadline_s, found.archive_days) == (10, 2.5, 30)
    assert (found.ssh_user, found.store_position, str(found.listen)) == ("ntp", True, "[::1]:80")
    plain, gps1 = found.hosts
    assert (plain.name, plain.target) == ("ntp1.example.org", "ntp@ntp1.example.org")
    assert (gps1.name, gps1.target) == ("gps1", "root@gps1.example.org:2222")
    assert (gps1.role, gps1.group, gps1.has_gps) == (Role.GPS_SERVER, "roof", HasGps.YES)
    assert gps1.limits.gps_severity is Severity.WARNING
    assert gps1.limits.local_reference_judged is False


@pytest.mark.parametrize(
    ("variables", "interval_s"), [({}, 10), ({"NTP_CHECKER_INTERVAL_S": "12"}, 12)]
)
def test_setting_when_in_both_then_the_environments(
    variables: dict[str, str], interval_s: float
) -> None:
    assert settings(FULL, **variables).interval_s == interval_s


@pytest.mark.parametrize("content", ["", "\n", "# nothing\n", "{}", "hosts: []", b"\xef\xbb\xbf"])
def test_file_when_it_says_nothing_then_the_defaults(content: str | bytes) -> None:
    assert settings(content) == load_configuration({}).settings


def test_file_when_written_on_windows_then_read_with_right_lines() -> None:
    content = b"\xef\xbb\xbfhosts:\r\n  - ntp1\r\n  - target: u@b\r\n"

    assert [host.target for host in settings(content).hosts] == ["ntp1", "u@b"]
    assert mistakes(content + b"bad: 1\r\n") == ["hosts.yaml:4: bad: no such setting"]


def test_mistakes_when_many_then_all_are_told_at_once_in_the_order_of_lines() -> None:
    told = mistakes(
        "intervall_s: 3\n"
        "retention_days: 0\n"
        "hosts:\n"
        "  - target: a\n"
        "    limits:\n"
        "      offset_warning_s: -1\n"
        "      offset: 1\n"
        "  - a b\n"
        "deadline_s: .nan\n",
        NTP_CHECKER_PREMAKE_DAYS="x",
    )

    assert [mistake.partition(": ")[0] for mistake in told] == [
        "NTP_CHECKER_PREMAKE_DAYS",
        "hosts.yaml:1",
        "hosts.yaml:2",
        "hosts.yaml:6",
        "hosts.yaml:7",
        "hosts.yaml:8",
        "hosts.yaml:9",
    ]
    assert told[1] == "hosts.yaml:1: intervall_s: no such setting; did you mean interval_s?"
    assert (
        told[3]
        == "hosts.yaml:6: hosts[0].limits.offset_warning_s: -1: must be above 0, 1e+09 at most"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("hosts: [NO]", "hosts[0]: YAML reads NO as false, not as text: put it in quotes"),
        (
            "hosts: [017]",
            "hosts[0]: YAML reads 017 as the number 15, not as text: put it in quotes",
        ),
        ("hosts: [2026-01-01]", "hosts[0]: YAML reads 2026-01-01 as a date, not as text"),
        (
            "hosts: [[2001:db8::1]]",
            "hosts[0]: one value belongs here, not a list; put an IPv6 address in",
        ),
        ("interval_s: 12:30:00", "interval_s: YAML reads 12:30:00 as the number 45000: write"),
        ("retention_days: 017", "retention_days: YAML reads 017 as the number 15: write a whole"),
        ("retention_days: 0x1f", "retention_days: YAML reads 0x1f as the number 31: write"),
        ("retention_days: 1_000", "retention_days: YAML reads 1_000 as the number 1000: write"),
        ("retention_days: 1.0", "retention_days: YAML reads 1.0 as the number 1.0: write a whole"),
        ("retention_days: '9'", "retention_days: '9' is text: write a whole number without quotes"),
        ("interval_s: .inf", "interval_s: YAML reads .inf as the number inf: write a number"),
        ("interval_s: nan", "interval_s: 'nan': write a number"),
        ("interval_s: 1e400", "interval_s: inf: Input should be"),
        ("interval_s: -30", "interval_s: -30.0: Input should be greater than or equal to 0.1"),
        ("interval_s:", "interval_s: there is no value: give one, or leave the line out"),
        (f"retention_days: {'9' * 5000}", "retention_days: '999999"),
        ("embedded: 1", "embedded: '1': write true or false"),
        ("log_level: off", "log_level: YAML reads off as false, not as text"),
        ("hosts: a", "hosts: write a list here: each line begins with `- `"),
        ("limits: 3", "limits: write keys with values here, such as"),
        ("- a", "write keys with values here"),
        ("groups: {NO: {}}", "NO: YAML reads this key as bool, not as text: put it in quotes"),
        ("groups: {a b: {}}", "groups.a b: use letters"),
        ("a: 1\n<<: 2", "a: no such setting"),
    ],
)
def test_value_when_yaml_reads_it_otherwise_than_it_was_meant_then_explained(
    content: str, told: str
) -> None:
    first = mistakes(content)[0]

    assert first.startswith("hosts.yaml:1: ")
    assert first.partition(": ")[2].startswith(told)


def test_deadline_when_longer_than_the_interval_then_told_where_it_stands() -> None:
    assert mistakes("interval_s: 5\ndeadline_s: 6\n") == [
        "hosts.yaml:2: deadline_s: 6 is longer than the interval, 5 s: looks would overlap"
    ]


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ("hosts:\n\t- a\n", 2, "indent with spaces, never with tabs"),
        ("hosts:\n  - [::1]:22\n", 2, "in quotes"),
        ("hosts:\n  - *\n", 2, "in quotes"),
        ("hosts:\n  - {target: @a}\n", 2, "in quotes"),
        ("interval_s: 1\ninterval_s: 2\n", 2, "'interval_s': there already, in line 1: keep one"),
        ("interval_s: !!int '3'\n", 1, "a tag, 'tag:yaml.org,2002:int'"),
        ("x: !!python/object/apply:os.system [id]\n", 1, "python/object/apply:os.system'"),
        ("---\nhosts: []\n---\nhosts: []\n", 3, "a second document begins here"),
        ("hosts: " + "[" * 100_000, 1, "nested more than 20 deep"),
        ("hosts: *a\n", 1, "*a stands for nothing"),
        ("hosts: &a [*a]\n", 1, "*a stands for nothing"),
        ("? [a]\n: b\n", 1, "a key is a word"),
        (b"hosts:\n  - ntp\xfc\n", 2, "not UTF-8"),
        ("hosts:\n  - ntp\x00\n", 2, "a control character, '\\x00'"),
        ("hosts:\n  - ntp\x1b[31m\n", 2, "a control character, '\\x1b'"),
    ],
)
def test_file_when_it_is_not_plain_yaml_then_refused_with_its_line(
    content: str | bytes, line: int, told: str
) -> None:
    first = mistakes(content)[0]

    assert first.startswith(f"hosts.yaml:{line}: ")
    assert told in first
    assert first.isprintable()


def test_aliases_when_few_then_taken_as_if_written_out() -> None:
    content = (
        "hosts:\n"
        "  - {target: a, limits: &tight {skew_warning_ppm: 1}}\n"
        "  - {target: b, limits: *tight}\n"
    )

    assert {host.limits.skew_warning_ppm for host in settings(content).hosts} == {1}


def test_aliases_when_they_grow_without_end_then_refused_at_once() -> None:
    bomb = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    bomb += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    started_s = time.process_time()

    (mistake,) = mistakes("\n".join(bomb))

    assert mistake == "hosts.yaml:5: more than 1000000 values, aliases counted"
    assert time.process_time() - started_s < 0.5


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("missing.yaml", "No such file or directory"),
        (".", "Is a directory"),
        ("/dev/zero", "it is not a regular file"),
        ("~no-such-user/x", "there is no such home directory"),
    ],
)
def test_file_when_it_cannot_be_read_then_one_mistake(file: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_configuration({"NTP_CHECKER_CONFIG": file})

    assert str(caught.value).startswith("NTP_CHECKER_CONFIG: ")
    assert file in str(caught.value)
    assert str(caught.value).endswith(reason)


def test_file_when_larger_than_anybody_needs_then_refused() -> None:
    (mistake,) = mistakes(b"#" * (16 * 2**20 + 1))

    assert mistake == "NTP_CHECKER_CONFIG: hosts.yaml is larger than 16 MiB"


def test_secret_when_wrong_then_its_text_is_not_told() -> None:
    assert mistakes("database_url: mysql://u:hunter2@h/db\n") == [
        "hosts.yaml:1: database_url: write postgresql://user:password@host:5432/database"
    ]


def test_secret_when_in_a_file_of_its_own_then_read_without_its_end_of_line() -> None:
    Path("url").write_bytes(b"postgresql://u:p@h/db\r\n")

    assert settings("database_url_file: url").database_url == "postgresql://u:p@h/db"


@pytest.mark.parametrize(
    ("content", "key", "told"),
    [
        ("database_url_file: nowhere", "database_url_file", "can't read nowhere"),
        ("database_url_file: empty", "database_url_file", "empty is empty"),
        (
            "database_url_file: url\ndatabase_url: postgresql://h/b",
            "database_url_file",
            "database_url is set, too: keep one",
        ),
    ],
)
def test_secret_file_when_wrong_then_told(content: str, key: str, told: str) -> None:
    Path("empty").touch()
    Path("url").write_text("postgresql://h/a")

    assert mistakes(content)[0].startswith(f"hosts.yaml:1: {key}: {told}")


def test_mistakes_when_thousands_then_the_first_hundred_and_how_many_more() -> None:
    told = mistakes("hosts:\n" + "  - {target: a b, group: none, nam: x}\n" * 1000)

    assert len(told) == MAX_TOLD + 1
    assert told[-1] == f"and {3000 - MAX_TOLD} more mistakes"
