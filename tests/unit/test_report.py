"""What `check` prints: nothing a host says may act on a terminal or a monitoring system."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO

import orjson
import pytest
from rich.console import Console

from ntp_checker.collect.probe import Probe
from ntp_checker.errors import Unreachable
from ntp_checker.model import (
    DEFAULT_LIMITS,
    Capture,
    FailureKind,
    GpsMode,
    Host,
    JudgedSample,
    Leap,
    Limits,
    Part,
    Role,
    Sample,
    SourceState,
    Status,
)
from ntp_checker.report import (
    EXIT_STATUS,
    as_json,
    as_plugin_line,
    as_text,
    overall_status,
)
from ntp_checker.rules.verdict import judge
from tests.made_samples import (
    NOW,
    SAMPLE,
    gps_report,
    with_failure,
    with_gps,
    with_selected,
    with_source,
    with_tracking,
)

SERVER = DEFAULT_LIMITS[Role.SERVER]

# The plugin guidelines' grammar: 'label'=value[unit];[warn];[crit];[min];[max]
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
RANGE = rf"(?:{NUMBER}|{NUMBER}:(?:{NUMBER})?)?"
PERFDATA = re.compile(
    rf"'(?P<label>[^'=]+)'=(?:U|{NUMBER}s?)"
    rf";{RANGE};{RANGE}(?:;(?:{NUMBER})?)?(?:;(?:{NUMBER})?)?"
)

HOSTILE = [
    *("a|b=1;2;3", "x | 'offset'=0.000000000s;;", "'offset'=9s", "{0.__class__} %s {}", "\\[x]"),
    *("[bold red]ALL IS WELL[/]", "[/]", "[link=http://evil]x[/link]"),
]


def look(sample: Sample, limits: Limits = SERVER) -> JudgedSample:
    return JudgedSample(sample=sample, verdict=judge(sample, limits, 30.0))


def plugin_line(*checked: JudgedSample, limits: Limits = SERVER) -> str:
    return as_plugin_line(checked, {judged.sample.host: limits for judged in checked})


def text(*checked: JudgedSample) -> str:
    shown = StringIO()
    Console(file=shown, width=250, force_terminal=False).print(as_text(checked))
    return shown.getvalue()


def perfdata(line: str) -> list[str]:
    assert line.count("|") == 1
    assert line.isprintable()
    entries = line.split(" | ")[1].split(" ")
    assert not [entry for entry in entries if not PERFDATA.fullmatch(entry)]
    return entries


def test_exit_status_when_of_each_status_then_the_plugin_guidelines() -> None:
    assert [EXIT_STATUS[status] for status in (Status.OK, Status.WARNING)] == [0, 1]
    assert [EXIT_STATUS[status] for status in (Status.CRITICAL, Status.UNKNOWN)] == [2, 3]


def test_status_when_several_hosts_then_the_worst() -> None:
    unknown = look(with_failure(Part.LOGIN, FailureKind.UNREACHABLE))
    warning = look(with_tracking(system_offset_s=0.02))
    critical = look(with_tracking(system_offset_s=0.2))

    assert overall_status([look(SAMPLE), warning]) is Status.WARNING
    assert overall_status([warning, unknown]) is Status.UNKNOWN
    assert overall_status([unknown, critical, warning]) is Status.CRITICAL


def test_plugin_line_when_ok_then_words_and_perfdata() -> None:
    sample = with_tracking(system_offset_s=-2e-6, root_dispersion_s=0.0001)

    assert plugin_line(look(sample)) == (
        "NTP OK - ntp1: clock is 2 µs behind, wrong by 102 µs at most | "
        "'offset'=-0.000002000s;-0.01:0.01;-0.05:0.05 "
        "'error_bound'=0.000102000s;0.1;1;0 'stratum'=2;4;15;0;16"
    )


def test_plugin_line_when_gps_is_there_then_its_satellites() -> None:
    line = plugin_line(look(with_gps(gps_report(satellites_used=8))))

    assert perfdata(line)[-1] == "'satellites_used'=8;4:;;0"


def test_plugin_line_when_critical_then_it_says_why() -> None:
    line = plugin_line(look(with_tracking(system_offset_s=0.25)))

    assert line.startswith("NTP CRITICAL - ntp1: clock is 250 ms ahead, limit 50 ms, ")
    assert "'offset'=0.250000000s;" in line


@pytest.mark.parametrize(
    "sample",
    [
        with_failure(Part.LOGIN, FailureKind.UNREACHABLE),
        with_tracking(leap=Leap.NOT_SYNCHRONISED),
        with_tracking(refid="7F7F0101"),
    ],
)
def test_plugin_line_when_the_offset_is_not_known_then_u_and_not_zero(sample: Sample) -> None:
    offset, bound, stratum = perfdata(plugin_line(look(sample)))

    assert offset.startswith("'offset'=U;")
    assert bound.startswith("'error_bound'=U;")
    assert stratum.startswith("'stratum'=U;")


def test_plugin_line_when_an_isolated_clock_runs_free_then_no_zero_is_told() -> None:
    sample = replace(with_tracking(refid="7F7F0101"), sources=())
    line = plugin_line(look(sample, DEFAULT_LIMITS[Role.ISOLATED]))

    assert line.startswith("NTP OK - ntp1: offset not known | 'offset'=U;")


def test_plugin_line_when_a_leap_second_is_announced_then_it_is_no_problem() -> None:
    line = plugin_line(look(with_tracking(leap=Leap.INSERT_SECOND)))

    assert line.startswith("NTP OK - ntp1: clock is exact")


def test_plugin_line_when_several_hosts_then_labels_have_their_names() -> None:
    other = replace(with_tracking(system_offset_s=0.02), host="[2001:db8::1]:22")
    line = plugin_line(look(SAMPLE), look(other))
    labels = [PERFDATA.fullmatch(entry)["label"] for entry in perfdata(line)]  # type: ignore[index]  # matched in perfdata()

    assert line.startswith("NTP WARNING - [2001:db8::1]:22: clock is 20 ms ahead, limit 10 ms | ")
    assert labels == [
        f"{host}_{number}"
        for host in ("ntp1", "[2001:db8::1]:22")
        for number in ("offset", "error_bound", "stratum")
    ]


def test_plugin_line_when_several_hosts_are_fine_then_counted() -> None:
    other = look(replace(SAMPLE, host="ntp2"))

    assert plugin_line(look(SAMPLE), other).startswith("NTP OK - 2 hosts ok | ")


def test_plugin_line_when_limits_are_tiny_then_without_exponents() -> None:
    limits = Limits(offset_warning_s=1e-6, offset_critical_s=25e-9, error_bound_warning_s=1e-5)
    entries = perfdata(plugin_line(look(SAMPLE, limits), limits=limits))

    assert entries[0] == "'offset'=0.000000000s;-0.000001:0.000001;-0.000000025:0.000000025"


def hostile_looks(said: str) -> Sequence[JudgedSample]:
    """Each place where a host's own words come into a report."""
    sources = (
        with_selected(address=said, offset_s=0.5),
        with_source(address=said, state=SourceState.FALSETICKER),
    )
    receiver = with_gps(gps_report(said, mode=GpsMode.NO_FIX))
    failed = with_failure(Part.TRACKING, FailureKind.COMMAND, detail=f"chronyc says: {said}")
    return [look(sample) for sample in (*sources, receiver, failed)]


@pytest.mark.parametrize("said", HOSTILE)
def test_plugin_line_when_a_host_writes_into_it_then_the_perfdata_is_ours(said: str) -> None:
    for judged in hostile_looks(said):
        entries = perfdata(plugin_line(judged))
        numbers = ["'offset'", "'error_bound'", "'stratum'", "'satellites_used'"]

        assert [entry.partition("=")[0] for entry in entries] == numbers[: len(entries)]


@pytest.mark.parametrize("said", HOSTILE)
def test_table_when_a_host_writes_markup_then_it_is_shown_as_it_is(said: str) -> None:
    for judged in hostile_looks(said):
        assert said in text(judged)


@pytest.mark.parametrize("said", HOSTILE)
def test_json_when_a_host_writes_anything_then_it_comes_back_as_it_is(said: str) -> None:
    for judged in hostile_looks(said):
        (shown,) = orjson.loads(as_json([judged]))

        assert said in str([problem["text"] for problem in shown["problems"]]).replace("\\\\", "\\")


class HostileShell:
    """A host that refuses the login with a text of its own choice."""

    def __init__(self, said: str) -> None:
        self._said = said

    async def login(self) -> None:
        raise Unreachable(f"no SSH login: {self._said}", stage="handshake")

    async def run(self, command: str, max_bytes: int) -> Capture:
        raise AssertionError(f"not logged in: {command}, {max_bytes}")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "said",
    [
        *("\x1b[2J\x1b]0;title\x07", "two\nlines\r\n", "a\x00b", "\u202egnp.exe\u2066"),
        *("\x9b31m\x85", "\u2028\u200b\ufeff\U000e0041", "\ud800", "| 'offset'=0s"),
    ],
)
def test_reports_when_an_ssh_server_sends_control_characters_then_none_is_shown(said: str) -> None:
    host = Host(name="ntp1", address="192.0.2.1")
    probe = Probe(host, HostileShell(said), interval_s=30, deadline_s=1.0, now=lambda: NOW)
    judged = look(asyncio.run(probe.look_once(NOW)))

    assert len(perfdata(plugin_line(judged))) == 3
    assert not [line for line in text(judged).splitlines() if not line.isprintable()]
    assert "no SSH login" in as_json([judged])


def test_table_when_healthy_then_offset_bound_stratum_and_source() -> None:
    sample = replace(
        with_gps(gps_report()),
        tracking=replace(SAMPLE.tracking, system_offset_s=0.001),  # type: ignore[type-var]  # there
    )
    heading, row = text(look(sample)).splitlines()

    assert heading.split() == ["HOST", "STATE", "OFFSET", "AT", "MOST", "STRATUM", "SOURCE", "GPS"]
    assert re.split(r"  +", row.strip()) == [
        *("ntp1", "OK", "1 ms ahead", "1 ms", "2", "192.0.2.1", "3D fix, 8/11"),
    ]


@pytest.mark.parametrize(
    "sample",
    [with_tracking(stratum=0, leap=Leap.NOT_SYNCHRONISED), with_tracking(refid="7F7F0101")],
)
def test_table_when_the_clock_is_not_set_then_no_offset_is_shown(sample: Sample) -> None:
    row = text(look(sample)).splitlines()[1]

    assert re.split(r"  +", row.strip())[2:4] == ["-", "-"]


def test_table_when_nothing_could_be_had_then_dashes_and_the_reason() -> None:
    shown = text(look(with_failure(Part.LOGIN, FailureKind.UNREACHABLE, detail="no route")))

    assert re.split(r"  +", shown.splitlines()[1].strip()) == ["ntp1", "UNKNOWN", *"-----"]
    assert shown.splitlines()[-1].strip() == "ntp1: no route"


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (gps_report(mode=GpsMode.NO_FIX, satellites_used=0), "no fix, 0/11"),
        (gps_report(mode=GpsMode.UNKNOWN, satellites_used=None), "no fix, -/11"),
        (gps_report(mode=GpsMode.FIX_2D, satellites_seen=None), "2D fix, 8/-"),
    ],
)
def test_table_when_the_receiver_tells_less_then_that_is_shown(report: object, shown: str) -> None:
    assert shown in text(look(with_gps(report)))  # type: ignore[arg-type]  # a GpsReport


def test_json_when_several_hosts_then_a_list_in_their_order() -> None:
    shown = orjson.loads(as_json([look(SAMPLE), look(replace(SAMPLE, host="ntp2"))]))

    assert [sample["host"] for sample in shown] == ["ntp1", "ntp2"]
    assert {sample["status"] for sample in shown} == {"ok"}
