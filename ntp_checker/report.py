"""Judged samples as a table for people, JSON for programs, a line for monitoring plugins."""

from collections.abc import Mapping, Sequence

import orjson
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ntp_checker.codec import contract
from ntp_checker.model import JudgedSample, Limits, Sample, Status, worst_status
from ntp_checker.rules.clock import STRATUM_UNSYNCHRONISED, selected_source
from ntp_checker.rules.wording import say_clock_offset, say_seconds

#: Exit statuses of `check`; those of the Monitoring Plugins Development Guidelines.
EXIT_STATUS = {Status.OK: 0, Status.WARNING: 1, Status.CRITICAL: 2, Status.UNKNOWN: 3}

_COLOURS = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.CRITICAL: "bold red",
    Status.UNKNOWN: "magenta",
}
_GPS_WORDS = {"unknown": "no fix", "no_fix": "no fix", "fix_2d": "2D fix", "fix_3d": "3D fix"}
NOTHING = "-"


def overall_status(checked: Sequence[JudgedSample]) -> Status:
    """The worst of all hosts: critical > unknown > warning > ok."""
    return worst_status([judged.verdict.status for judged in checked])


def as_json(checked: Sequence[JudgedSample]) -> str:
    """The samples as a JSON list."""
    samples = [contract(judged) for judged in checked]
    return orjson.dumps(samples, option=orjson.OPT_INDENT_2).decode()


def as_text(checked: Sequence[JudgedSample]) -> Group:
    """A table with a row for each host, and below it what is wrong, host by host."""
    problems = {  # one cause may cost several parts: it is said once
        f"{judged.sample.host}: {problem.text}": problem.status
        for judged in checked
        for problem in judged.verdict.problems
    }
    lines = [Text(text, style=_COLOURS[status]) for text, status in problems.items()]
    return Group(_table(checked), *([Text(), *lines] if lines else []))


def _table(checked: Sequence[JudgedSample]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("HOST", "STATE", "OFFSET", "AT MOST", "STRATUM", "SOURCE", "GPS"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("STATE", "STRATUM"))
    for judged in checked:
        sample, verdict = judged.sample, judged.verdict
        tracking, selected = sample.tracking, selected_source(sample.sources)
        bound_s = verdict.error_bound_s
        offset_s = tracking.system_offset_s if tracking and bound_s is not None else None
        # Text, not str: what a host prints must not be taken for markup.
        table.add_row(
            Text(sample.host),
            Text(verdict.status.upper(), style=_COLOURS[verdict.status]),
            Text(NOTHING if offset_s is None else say_clock_offset(offset_s)),
            Text(NOTHING if bound_s is None else say_seconds(bound_s)),
            Text(str(tracking.stratum) if tracking and tracking.stratum else NOTHING),
            Text(selected.address if selected else NOTHING),
            Text(_say_gps(sample)),
        )
    return table


def _say_gps(sample: Sample) -> str:
    gps = sample.gps
    if gps is None:
        return NOTHING
    used = NOTHING if gps.satellites_used is None else gps.satellites_used
    seen = NOTHING if gps.satellites_seen is None else gps.satellites_seen
    return f"{_GPS_WORDS[gps.mode]}, {used}/{seen}"


def as_plugin_line(checked: Sequence[JudgedSample], limits: Mapping[str, Limits]) -> str:
    """One line with performance data, for Nagios, Icinga, Checkmk and their kin."""
    said = [_say_host(judged) for judged in checked]
    words = "; ".join(text for text in said if text) or _say_all_good(checked)
    data = []
    for judged in checked:
        name = judged.sample.host
        data += _perfdata(judged, limits[name], prefix=f"{name}_" if len(checked) > 1 else "")
    return f"NTP {overall_status(checked).upper()} - {words} | {' '.join(data)}"


def _say_host(judged: JudgedSample) -> str:
    bad = [problem for problem in judged.verdict.problems if problem.status is not Status.OK]
    texts = list(dict.fromkeys(problem.text for problem in bad))
    # "|" ends the words and starts the data; a host must not be able to write into the latter.
    return f"{judged.sample.host}: {', '.join(texts)}".replace("|", "¦") if texts else ""


def _say_all_good(checked: Sequence[JudgedSample]) -> str:
    if len(checked) > 1:
        return f"{len(checked)} hosts ok"
    sample, bound_s = checked[0].sample, checked[0].verdict.error_bound_s
    if sample.tracking is None or bound_s is None:  # the zeros of a free-running clock say nothing
        return f"{sample.host}: offset not known"
    offset = say_clock_offset(sample.tracking.system_offset_s)
    return f"{sample.host}: clock is {offset}, wrong by {say_seconds(bound_s)} at most"


def _perfdata(judged: JudgedSample, limits: Limits, *, prefix: str) -> list[str]:
    """'label'=value[unit];warning;critical;min;max. "U" is "could not be had"."""
    sample, bound_s = judged.sample, judged.verdict.error_bound_s
    tracking = sample.tracking if bound_s is not None else None
    offset_s = tracking.system_offset_s if tracking else None
    stratum = tracking.stratum if tracking else None
    warning, critical = _plain(limits.offset_warning_s), _plain(limits.offset_critical_s)
    bound_limits = f"{_plain(limits.error_bound_warning_s)};{_plain(limits.error_bound_critical_s)}"
    offset_limits = f"-{warning}:{warning};-{critical}:{critical}"
    stratum_limits = f"{limits.stratum_warning};{STRATUM_UNSYNCHRONISED - 1}"
    entries = [
        f"'{prefix}offset'={_seconds(offset_s)};{offset_limits}",
        f"'{prefix}error_bound'={_seconds(bound_s)};{bound_limits};0",
        f"'{prefix}stratum'={_count(stratum)};{stratum_limits};0;{STRATUM_UNSYNCHRONISED}",
    ]
    if sample.gps is not None:
        used = _count(sample.gps.satellites_used)
        entries.append(f"'{prefix}satellites_used'={used};{limits.satellites_used_min}:;;0")
    return entries


def _seconds(value: float | None) -> str:
    """Fixed-point with nanoseconds: plugins' readers know no exponents."""
    return "U" if value is None else f"{value:.9f}s"


def _plain(limit_s: float) -> str:
    """A limit without an exponent and without trailing zeros: "0.01"."""
    return f"{limit_s:.9f}".rstrip("0").rstrip(".")


def _count(value: int | None) -> str:
    return "U" if value is None else str(value)
