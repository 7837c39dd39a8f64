"""`[user@]host[:port]` and `local`."""

import pytest

from ntp_checker.errors import ConfigError
from ntp_checker.model import DEFAULT_LIMITS, HasGps, Role
from ntp_checker.targets import parse_target, parse_targets


@pytest.mark.parametrize(
    ("text", "name", "address", "port", "user"),
    [
        ("gps1", "gps1", "gps1", 22, None),
        ("gps1.example.org", "gps1.example.org", "gps1.example.org", 22, None),
        ("ntp@gps1:2222", "gps1", "gps1", 2222, "ntp"),
        ("192.0.2.1:1", "192.0.2.1", "192.0.2.1", 1, None),
        ("[2001:db8::1]", "2001:db8::1", "2001:db8::1", 22, None),
        ("root@[2001:db8::1]:65535", "2001:db8::1", "2001:db8::1", 65535, "root"),
        ("local", "local", "", 22, None),
        ("local:2222", "local", "local", 2222, None),
    ],
)
def test_target_when_written_in_any_form_then_understood(
    text: str, name: str, address: str, port: int, user: str | None
) -> None:
    host = parse_target(text)

    assert (host.name, host.address, host.port, host.user) == (name, address, port, user)
    assert host.target == text


def test_target_when_plain_then_the_defaults_of_a_server() -> None:
    host = parse_target("gps1")

    assert (host.role, host.has_gps) == (Role.SERVER, HasGps.AUTO)
    assert host.limits == DEFAULT_LIMITS[Role.SERVER]


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "a@", "@a", ":22", "a:", "a:0", "a:65536", "a:100000", "a:-1", "a:22x", "a:b"),
        *("a b", "a\n", "a;id", "$(id)", "a|b", "a'b", "-oProxyCommand=id", "-a@b", "a@-b"),
        *("2001:db8::1", "[2001:db8::1", "2001:db8::1]", "[]", "[gps1]", "[::1%eth0]", "a@b@c"),
        *("[:::::]", "[192.0.2.1]", "[1::2::3]", "ü", "a\x00", "ssh://a", "a/b", "a" * 254),
        "a:\uff12\uff12",
    ],
)
def test_target_when_it_is_none_then_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write \[user@\]host\[:port\]"):
        parse_target(text)


@pytest.mark.parametrize(("text", "user"), [("a", "ntp"), ("root@a", "root"), ("local", None)])
def test_user_when_there_is_a_default_then_only_for_targets_without(
    text: str, user: str | None
) -> None:
    assert parse_target(text, "ntp").user == user


@pytest.mark.parametrize("text", ["a,b", " a , b ", ",a,,b,", "a,\nb"])
def test_targets_when_listed_then_blanks_and_empty_ones_are_dropped(text: str) -> None:
    assert [host.name for host in parse_targets(text)] == ["a", "b"]


@pytest.mark.parametrize("text", ["", " ", ","])
def test_targets_when_there_are_none_then_empty(text: str) -> None:
    assert parse_targets(text) == ()


def test_names_when_hosts_share_an_address_then_the_port_tells_them_apart() -> None:
    hosts = parse_targets("a:2201,b,a")

    assert [host.name for host in hosts] == ["a:2201", "b", "a:22"]


@pytest.mark.parametrize("text", ["a,a", "u@a,v@a", "a:22,a", "local,local", "a:1,b,a:1"])
def test_names_when_the_port_does_not_tell_them_apart_then_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="listed twice"):
        parse_targets(text)


def test_targets_when_several_are_wrong_then_each_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_targets("a b, good, c;d")

    assert "'a b'" in str(caught.value)
    assert "'c;d'" in str(caught.value)
