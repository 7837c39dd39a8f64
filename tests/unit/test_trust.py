"""known_hosts: one host's key is replaced, everything else stays as it was."""

import base64
import hashlib
import hmac
import stat
from pathlib import Path

import pytest

from ntp_checker.collect.ssh_keys import HostKey, matches_known_host
from ntp_checker.errors import ConfigError
from ntp_checker.model import Host
from ntp_checker.targets import parse_target
from ntp_checker.trust import known_lines, write_known_host

# Public keys made for these tests; nothing has their private halves.


def public_key(seed: int) -> str:
    """An ed25519 public key in OpenSSH's form."""
    name = b"ssh-ed25519"
    point = hashlib.sha256(bytes([seed])).digest()
    blob = len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + point
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


OLD, OTHER, NEW = public_key(1), public_key(2), public_key(3)
GPS1 = parse_target("gps1")


def key_of(host: Host) -> HostKey:
    name = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
    return HostKey(line=f"{name} {NEW}", fingerprint="SHA256:x", known=False)


def hashed(name: str, key: str) -> str:
    """A line as `ssh-keygen -H` writes it."""
    salt = bytes(range(20))
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} {key}"


@pytest.fixture(autouse=True)
def _addresses_without_getaddrinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncssh asks getaddrinfo with AI_NUMERICHOST, which asks nobody: the guard can't see that."""
    monkeypatch.setattr("asyncssh.misc._normalize_scoped_ip", lambda address: address)


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / ".ssh" / "known_hosts"


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def test_file_when_missing_then_made_for_its_owner_alone(known_hosts: Path) -> None:
    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.read_text() == f"gps1 {NEW}\n"
    assert stat.S_IMODE(known_hosts.stat().st_mode) == 0o600
    assert stat.S_IMODE(known_hosts.parent.stat().st_mode) == 0o700
    assert list(known_hosts.parent.iterdir()) == [known_hosts]


def test_key_when_changed_then_replaced_and_the_rest_stays(known_hosts: Path) -> None:
    others = ["# a comment, gps1", "", f"gps2 {OTHER}", hashed("gps3", OTHER), "not a key at all"]
    write(known_hosts, *others[:2], f"gps1 {OLD} a comment", *others[2:])

    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.read_text().splitlines() == [*others, f"gps1 {NEW}"]


def test_key_when_hashed_then_replaced(known_hosts: Path) -> None:
    write(known_hosts, hashed("gps1", OLD), hashed("gps2", OTHER))

    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.read_text().splitlines() == [hashed("gps2", OTHER), f"gps1 {NEW}"]


def test_keys_when_a_host_has_several_then_all_are_replaced(known_hosts: Path) -> None:
    write(known_hosts, f"gps1 {OLD}", f"gps1 {OTHER}")

    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.read_text() == f"gps1 {NEW}\n"


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("gps1", f"[gps1]:2222 {OTHER}"),
        ("gps1:2222", f"gps1 {OTHER}"),
        ("gps1:2222", f"[gps1]:2223 {OTHER}"),
        ("gps1", f"gps10 {OTHER}"),
        ("[2001:db8::1]", f"[2001:db8::1]:2222 {OTHER}"),
    ],
)
def test_key_when_of_another_port_or_host_then_kept(
    known_hosts: Path, target: str, kept: str
) -> None:
    write(known_hosts, kept)
    host = parse_target(target)

    write_known_host(known_hosts, host, key_of(host))

    assert known_hosts.read_text().splitlines() == [kept, key_of(host).line]


@pytest.mark.parametrize("target", ["gps1", "gps1:2222", "192.0.2.1", "[2001:db8::1]:22"])
def test_key_when_written_twice_then_there_once(known_hosts: Path, target: str) -> None:
    host = parse_target(target)

    for _ in range(2):
        write_known_host(known_hosts, host, key_of(host))

    assert known_hosts.read_text() == f"{key_of(host).line}\n"


@pytest.mark.parametrize(
    "line",
    [
        f"gps1,gps2 {OLD}",
        f"gps* {OLD}",
        f"gps? {OLD}",
        f"*,!gps2 {OLD}",
        f"@cert-authority gps1 {OLD}",
        f"@revoked gps1 {OLD}",
        f"@cert-authority * {OLD}",
    ],
)
def test_line_when_it_speaks_of_other_hosts_too_then_refused_and_nothing_changes(
    known_hosts: Path, line: str
) -> None:
    write(known_hosts, f"gps1 {OLD}", line)
    before = known_hosts.read_bytes()

    with pytest.raises(ConfigError, match="line 2, speaks of gps1 and of other hosts"):
        write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.read_bytes() == before
    assert list(known_hosts.parent.iterdir()) == [known_hosts]


def test_file_when_without_a_last_newline_then_the_last_line_stays_one(known_hosts: Path) -> None:
    known_hosts.parent.mkdir()
    known_hosts.write_text(f"gps2 {OTHER}")

    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.read_text() == f"gps2 {OTHER}\ngps1 {NEW}\n"


def test_file_when_a_comment_has_odd_characters_then_it_stays_one_line(known_hosts: Path) -> None:
    odd = f"gps2 {OTHER} a\u2028b\x0cc\x85d"
    known_hosts.parent.mkdir()
    known_hosts.write_bytes(f"{odd}\n".encode())

    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.read_bytes().decode() == f"{odd}\ngps1 {NEW}\n"


def test_file_when_it_has_a_mode_then_it_keeps_it(known_hosts: Path) -> None:
    write(known_hosts)
    known_hosts.chmod(0o644)

    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert stat.S_IMODE(known_hosts.stat().st_mode) == 0o644


def test_file_when_a_link_then_its_target_is_written(known_hosts: Path, tmp_path: Path) -> None:
    target = tmp_path / "shared"
    target.write_text(f"gps2 {OTHER}\n")
    known_hosts.parent.mkdir()
    known_hosts.symlink_to(target)

    write_known_host(known_hosts, GPS1, key_of(GPS1))

    assert known_hosts.is_symlink()
    assert target.read_text() == f"gps2 {OTHER}\ngps1 {NEW}\n"


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_file_when_it_cannot_be_read_then_refused_and_untouched(
    known_hosts: Path, content: bytes | None
) -> None:
    known_hosts.parent.mkdir()
    if content is None:
        known_hosts.mkdir()
    else:
        known_hosts.write_bytes(content)

    with pytest.raises(ConfigError, match="can't write"):
        write_known_host(known_hosts, GPS1, key_of(GPS1))
    with pytest.raises(ConfigError, match="can't read"):
        known_lines(known_hosts, GPS1)

    assert content is None or known_hosts.read_bytes() == content
    assert list(known_hosts.parent.iterdir()) == [known_hosts]


def test_known_lines_when_asked_then_those_of_the_host_alone(known_hosts: Path) -> None:
    lines = [f"gps1 {OLD}", hashed("gps1", OTHER), f"gps* {OTHER}"]
    write(known_hosts, lines[0], f"gps10,x {OTHER}", *lines[1:], f"[gps1]:2222 {OTHER}", "# gps1")

    assert known_lines(known_hosts, GPS1) == lines


def test_known_lines_when_there_is_no_file_then_none(known_hosts: Path) -> None:
    assert known_lines(known_hosts, GPS1) == []


@pytest.mark.parametrize(
    "line", ["", "#", "gps1", "gps1 ssh-ed25519", "gps1 ssh-ed25519 !!!", "|1|x|y z"]
)
def test_line_when_it_is_no_key_then_it_speaks_of_nobody(line: str) -> None:
    assert not matches_known_host(line, GPS1)
