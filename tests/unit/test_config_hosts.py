"""Hosts, groups, roles and limits of the settings file."""

import time
from pathlib import Path

import pytest

from ntp_checker.model import DEFAULT_LIMITS, Role
from tests.settings_files import FULL, mistakes, settings


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_limits_when_set_in_several_places_then_host_over_group_over_role_over_all() -> None:
    plain, gps1 = settings(FULL).hosts

    assert plain.limits.offset_warning_s == 0.005
    assert plain.limits.skew_warning_ppm == 20
    assert gps1.limits.skew_warning_ppm == 5
    assert gps1.limits.satellites_used_min == 6
    # What a role is for is stronger than what was set for all.
    assert gps1.limits.offset_warning_s == DEFAULT_LIMITS[Role.GPS_SERVER].offset_warning_s


def test_hosts_when_in_both_then_the_environments_alone_with_the_files_limits() -> None:
    found = settings(FULL, NTP_CHECKER_HOSTS="a,gps1.example.org:2222")

    assert [host.target for host in found.hosts] == ["ntp@a", "ntp@gps1.example.org:2222"]
    assert {host.limits.skew_warning_ppm for host in found.hosts} == {20}
    assert {host.role for host in found.hosts} == {Role.SERVER}


@pytest.mark.parametrize("text", ["gps1", "root@gps1.example.org:2222"])
def test_host_when_looked_for_by_name_or_target_then_the_configured_one(text: str) -> None:
    assert settings(FULL).find_host(text).role is Role.GPS_SERVER


def test_host_when_looked_for_and_not_there_then_a_plain_one_with_limits_of_all() -> None:
    host = settings(FULL).find_host("other")

    assert (host.target, host.limits.skew_warning_ppm) == ("ntp@other", 20)


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("{target: a, name: '*'}", "hosts[0].name: '*' can't be a name: that stands for the whole"),
        ("{target: a, name: -oX}", "hosts[0].name: '-oX' can't be a name: use letters, digits"),
        ('{target: a, name: "a\\nb"}', "hosts[0].name: 'a\\nb' can't be a name"),
        ("{target: -oProxyCommand=id}", "hosts[0].target: '-oProxyCommand=id' is not a host"),
        ('{target: "a;id"}', "hosts[0].target: 'a;id' is not a host"),
        ("{name: a}", "hosts[0]: target is missing: where the host is reached"),
        ("{target: a, port: 22}", "hosts[0].port: no such setting: write it as target: user@host"),
        ("{target: a, interval_s: 1}", "hosts[0].interval_s: no such setting: all hosts have the"),
        ("{target: a, rôle: server}", "hosts[0].rôle: no such setting; did you mean role?"),
        ("{target: a, role: gps}", "hosts[0].role: 'gps': write server, gps_server or isolated"),
        ("{target: a, has_gps: maybe}", "hosts[0].has_gps: 'maybe': write yes, no or auto"),
        ("{target: a, group: roof}", "hosts[0].group: 'roof' is no key of groups"),
        ("{target: a, limits: {stratum_warning: 16}}", "hosts[0].limits.stratum_warning: 16: must"),
        ("{target: a, limits: {gps_severity: bad}}", "hosts[0].limits.gps_severity: 'bad': write"),
        ("{target: a, limits: {sources_min: 1.5}}", "hosts[0].limits.sources_min: YAML reads 1.5"),
    ],
)
def test_host_when_wrong_then_one_mistake_with_line_and_key(host: str, told: str) -> None:
    (mistake,) = mistakes(f"hosts:\n  - {host}\n")

    assert mistake.startswith(f"hosts.yaml:2: {told}")


def test_names_when_shared_then_the_second_line_names_the_first() -> None:
    told = mistakes("hosts:\n  - target: a\n    name: b\n  - target: c\n    name: b\n")

    assert told == [
        "hosts.yaml:4: hosts[1]: host b is there already, in line 2: give one of them another name"
    ]


def test_names_when_a_default_one_meets_a_given_one_then_the_default_one_gets_its_port() -> None:
    found = settings("hosts: [gps1, {target: 192.0.2.1, name: gps1}]").hosts

    assert [host.name for host in found] == ["gps1:22", "gps1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "limits: {offset_critical_s: 0.001}\nhosts: [a]",
            "limits.offset_critical_s: 0.001 is below offset_warning_s, 0.01 (the default)",
        ),
        (
            "groups: {g: {limits: {offset_warning_s: 0.06}}}\nhosts: [{target: a, group: g}]",
            "groups.g.limits.offset_warning_s: 0.06 is above offset_critical_s, 0.05 (the default)",
        ),
        (
            "limits: {offset_critical_s: 0.001, offset_warning_s: 0.002}\nhosts: [a, b]",
            "limits.offset_warning_s: 0.002 is above offset_critical_s, 0.001 (hosts.yaml:1)",
        ),
    ],
)
def test_limits_when_a_warning_is_above_its_critical_then_told_once(
    content: str, told: str
) -> None:
    assert mistakes(content) == [f"hosts.yaml:1: {told}"]


def test_hosts_when_ten_thousand_then_loaded_within_two_seconds() -> None:
    host = "  - target: ntp@h{n}.example.org\n    role: gps_server\n    group: roof\n"
    content = "groups: {roof: {}}\nhosts:\n" + "".join(host.format(n=n) for n in range(10_000))
    started_s = time.process_time()

    found = settings(content)

    assert len(found.hosts) == 10_000
    assert time.process_time() - started_s < 2
