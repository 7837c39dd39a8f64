"""What can be wrong with a clock and its sources, on real hosts: code, status and exit."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from tests.acceptance.faults import (
    Fault,
    Finding,
    assert_named,
    broken_hosts,
    find_all,
    targets_of,
)
from tests.rig import ChronyState, LeapBits, NtpReply, Rig, RigHost, wait_until
from tests.rig.faketime import leap_day_shift_s

pytestmark = pytest.mark.timeout(300)

GOOD = NtpReply()
#: Default limit is four times the rhythm, which is a second here.
STALE_AFTER_S = 5.0
SHIFT_S = float(round(leap_day_shift_s(datetime.now(UTC))))
UNSELECTED = frozenset({"no_selected_source", "few_sources"})
UNSET = UNSELECTED | {"unsynchronised"}


def _settled(*replies: NtpReply, **more: object) -> Callable[[Rig], Mapping[str, object]]:
    return lambda rig: {
        "chrony": ChronyState.SETTLED,
        "references": rig.new_servers(*replies),
        **more,
    }


def _lose_sources(stop: Callable[[RigHost], object]) -> Callable[[RigHost], None]:
    """All fall silent while chronyd runs; returns when their last answers are old."""

    def lose(host: RigHost) -> None:
        before = host.chronyd.ask("tracking").split(",")
        stop(host)
        wait_until(
            lambda: all(line.split(",")[5] == "0" for line in _sources(host)),
            "reach 0 of all sources",
            timeout_s=30,
        )
        wait_until(lambda: _reference_age_s(host) > STALE_AFTER_S, "an old reference", timeout_s=30)
        # The trap: it goes on saying that all is well.
        after = host.chronyd.ask("tracking").split(",")
        assert (after[2], after[13]) == (before[2], before[13])

    return lose


def _sources(host: RigHost) -> list[str]:
    return host.chronyd.ask("sources").splitlines()


def _reference_age_s(host: RigHost) -> float:
    return datetime.now(UTC).timestamp() - float(host.chronyd.ask("tracking").split(",")[3])


FAULTS = {
    "healthy by NTP": Fault(status="ok"),
    "healthy by GPS and PPS": Fault(status="ok", host=lambda _: {"chrony": ChronyState.REFCLOCK}),
    "never synchronised": Fault(
        status="critical",
        codes=UNSET | {"source_unreachable"},
        host=lambda _: {"chrony": ChronyState.NEVER_SYNCHRONISED},
    ),
    "no sources": Fault(
        status="critical",
        codes=frozenset({"unsynchronised", "no_sources", "few_sources"}),
        host=lambda _: {"chrony": ChronyState.NO_SOURCES},
    ),
    "all sources lost": Fault(
        status="critical",
        codes=UNSELECTED | {"source_unreachable", "reference_stale"},
        host=_settled(GOOD),
        break_it=_lose_sources(lambda host: host.references.stop()),
    ),
    "all refclocks lost": Fault(
        status="critical",
        codes=UNSELECTED | {"source_unreachable", "reference_stale"},
        host=lambda _: {"chrony": ChronyState.REFCLOCK},
        break_it=_lose_sources(lambda host: host.chronyd.refclocks.stop()),
    ),
    "falseticker": Fault(
        status="warning",
        codes=frozenset({"falseticker", "few_sources"}),
        host=_settled(GOOD, GOOD, NtpReply(offset_s=0.5)),
    ),
    "no majority": Fault(
        status="critical",
        codes=UNSET | {"falseticker"},
        host=_settled(GOOD, NtpReply(offset_s=5.0), NtpReply(offset_s=-5.0)),
    ),
    "jittery source": Fault(
        status="warning",
        codes=frozenset({"source_jittery", "few_sources"}),
        host=_settled(GOOD, GOOD, NtpReply(jitter_s=0.1), chrony_lines=["maxjitter 0.01"]),
    ),
    "a quarter of a second ahead": Fault(
        status="critical",
        codes=frozenset({"offset_high", "error_bound_high"}),
        host=lambda _: {"clock_offset_s": 0.25},
    ),
    "a quarter of a second behind": Fault(
        status="critical",
        codes=frozenset({"offset_high", "error_bound_high"}),
        host=lambda _: {"clock_offset_s": -0.25},
    ),
    "stratum 14": Fault(
        status="warning",
        codes=frozenset({"stratum_high"}),
        host=lambda rig: {"references": rig.new_references(stratum=13)},
    ),
    "server unsynchronised": Fault(
        status="critical",
        codes=UNSET | {"source_unreachable"},
        host=_settled(NtpReply(leap=LeapBits.NOT_SYNCHRONISED, stratum=16)),
    ),
    "root distance too large": Fault(
        status="critical",
        codes=UNSET,
        host=_settled(NtpReply(root_dispersion_s=5.0)),
    ),
    "error bound too large": Fault(
        status="critical",
        codes=frozenset({"error_bound_high"}),
        host=_settled(NtpReply(root_dispersion_s=1.5)),
    ),
    "local fallback": Fault(
        status="critical",
        codes=frozenset({"local_reference", "no_sources", "few_sources"}),
        host=lambda _: {"chrony": ChronyState.LOCAL_FALLBACK},
    ),
    "local fallback of lost sources": Fault(
        status="critical",
        codes=UNSELECTED | {"local_reference", "source_unreachable"},
        host=lambda _: {
            "chrony": ChronyState.NEVER_SYNCHRONISED,
            "chrony_lines": ["local stratum 10"],
        },
    ),
    "leap insert pending": Fault(
        status="ok",
        codes=frozenset({"leap_pending"}),
        host=_settled(
            NtpReply(leap=LeapBits.INSERT_SECOND, offset_s=SHIFT_S),
            date_shift_s=SHIFT_S,
        ),
    ),
}


@pytest.fixture(scope="module")
def findings(rig: Rig) -> Mapping[str, Future[Finding]]:
    with broken_hosts(rig, FAULTS) as hosts:
        return find_all(rig, FAULTS, targets_of(hosts))


@pytest.mark.parametrize("name", FAULTS)
def test_check_clock_fault_is_named(findings: Mapping[str, Future[Finding]], name: str) -> None:
    assert_named(FAULTS[name], findings[name].result())
