"""What each problem is called in a title, and what to run first. Fixed texts.

The commands follow chronyc(1), gpspipe(1) and systemctl(1); `{host}` and `{subject}` are put in quoted.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from ntp_checker.message.clean import clean_line
from ntp_checker.model import CHECKER, AlertKey, ProblemCode

_MAX_NAME_CHARS = 60
_MAX_SUBJECT_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeWords:
    """One problem code in words."""

    title: str
    commands: tuple[str, ...]


_TRACKING = "ssh {host} chronyc -n tracking"
_SOURCES = "ssh {host} chronyc -n sources -v"
_STATS = "ssh {host} chronyc -n sourcestats -v"
# chronyd answers these two to root only.
_SELECT = "ssh -t {host} sudo chronyc -n selectdata -v"
_NTPDATA = "ssh -t {host} sudo chronyc -n ntpdata"
_ACTIVITY = "ssh {host} chronyc activity"
_CHRONY_STATE = "ssh {host} systemctl status chrony chronyd"
_CHRONY_LOG = "ssh {host} journalctl -u chrony -u chronyd -n 50"
_GPSPIPE = "ssh {host} gpspipe -w -n 10"
_GPSD_STATE = "ssh {host} systemctl status gpsd gpsd.socket"
_GPSD_LOG = "ssh {host} journalctl -u gpsd -n 50"
_CHECK = "ntp-checker check {host}"
_LOGIN = "ssh -v {host} true"
_STATUS = "ntp-checker db status"


def _words(title: str, *commands: str) -> CodeWords:
    return CodeWords(title=title, commands=commands)


CODE_WORDS: Mapping[ProblemCode, CodeWords] = {
    ProblemCode.UNSYNCHRONISED: _words("clock not synchronised", _TRACKING, _SOURCES, _ACTIVITY),
    ProblemCode.NO_SOURCES: _words("no time sources configured", _SOURCES, _CHRONY_LOG),
    ProblemCode.NO_SELECTED_SOURCE: _words("no source selected", _SOURCES, _SELECT, _NTPDATA),
    ProblemCode.FEW_SOURCES: _words("too few usable sources", _SOURCES, _ACTIVITY),
    ProblemCode.SOURCE_UNREACHABLE: _words("source unreachable", _SOURCES, _NTPDATA, _ACTIVITY),
    ProblemCode.FALSETICKER: _words("falseticker", _SOURCES, _STATS, _NTPDATA),
    ProblemCode.SOURCE_JITTERY: _words("source too variable", _STATS, _NTPDATA),
    ProblemCode.STRATUM_HIGH: _words("stratum too high", _TRACKING, _SOURCES),
    ProblemCode.OFFSET_HIGH: _words("clock offset", _TRACKING, _SOURCES, _STATS),
    ProblemCode.ERROR_BOUND_HIGH: _words("clock error bound", _TRACKING, _SOURCES, _NTPDATA),
    ProblemCode.REFERENCE_STALE: _words("clock not updated", _TRACKING, _SOURCES, _ACTIVITY),
    ProblemCode.LOCAL_REFERENCE: _words("clock runs free", _TRACKING, _SOURCES, _ACTIVITY),
    ProblemCode.FREQUENCY_HIGH: _words("clock frequency", _TRACKING, _STATS),
    ProblemCode.SKEW_HIGH: _words("clock frequency uncertain", _TRACKING, _STATS),
    ProblemCode.LEAP_PENDING: _words("leap second announced", _TRACKING, _NTPDATA),
    ProblemCode.GPS_UNAVAILABLE: _words("GPS not available", _GPSD_STATE, _GPSPIPE, _GPSD_LOG),
    ProblemCode.GPS_SILENT: _words("GPS silent", _GPSPIPE, _GPSD_STATE, _GPSD_LOG),
    ProblemCode.GPS_NO_FIX: _words("GPS has no fix", _GPSPIPE, _SOURCES),
    ProblemCode.GPS_2D_FIX: _words("GPS has a 2D fix only", _GPSPIPE, _SOURCES),
    ProblemCode.GPS_FEW_SATELLITES: _words("GPS uses few satellites", _GPSPIPE, _SOURCES),
    ProblemCode.GPS_TIME_WRONG: _words("GPS time wrong", _GPSPIPE, _TRACKING, _SOURCES),
    ProblemCode.CHRONYD_DOWN: _words("chronyd down", _CHRONY_STATE, _CHRONY_LOG),
    ProblemCode.HOST_UNREACHABLE: _words("host unreachable", _CHECK, "ping -c 3 {host}", _LOGIN),
    ProblemCode.LOGIN_REFUSED: _words("login refused", _CHECK, _LOGIN, "ntp-checker authorize"),
    ProblemCode.PROBE_FAILED: _words("look failed", _CHECK, _TRACKING, _CHRONY_STATE),
    ProblemCode.HOST_KEY_CHANGED: _words(
        "host key changed", "ssh-keygen -l -F {host}", "ntp-checker trust {host}"
    ),
    ProblemCode.DISAGREES_WITH_FLEET: _words(
        "clock disagrees with the fleet", _TRACKING, _SOURCES, _NTPDATA
    ),
    ProblemCode.CHECKER_BLIND: _words(
        "checker sees no host", "ip route", "ntp-checker monitor --once"
    ),
    ProblemCode.CHECKER_CLOCK_WRONG: _words(
        "checker's own clock wrong", "chronyc -n tracking", "date -u"
    ),
    ProblemCode.CHANNEL_DEAD: _words(
        "alert channel dead", "ntp-checker alerts test {subject}", "ntp-checker alerts list"
    ),
    ProblemCode.SPOOL_BACKLOG: _words("samples wait on the checker", _STATUS, "df -h"),
    ProblemCode.OUTBOX_BACKLOG: _words(
        "alerts wait to be sent", "ntp-checker alerts list", _STATUS
    ),
    ProblemCode.PARTITIONS_MISSING: _words(
        "partitions missing", _STATUS, "ntp-checker db maintain"
    ),
}


def host_name(key: AlertKey) -> str:
    """The host as people know it, on one clean line."""
    if key.host == CHECKER:
        return "NTP Checker"
    return clean_line(key.host, max_chars=_MAX_NAME_CHARS)


def problem_title(key: AlertKey) -> str:
    """`[gps1] clock offset`: constant over an alert's life."""
    subject = clean_line(key.subject, max_chars=_MAX_SUBJECT_CHARS)
    title = CODE_WORDS[key.code].title
    return f"[{host_name(key)}] {title}{f': {subject}' if subject else ''}"


def first_commands(key: AlertKey) -> tuple[str, ...]:
    """What to run first, ready to be pasted into a shell: a name is one word there."""
    host = _word(clean_line(key.host, max_chars=_MAX_NAME_CHARS))
    subject = _word(clean_line(key.subject, max_chars=_MAX_SUBJECT_CHARS))
    return tuple(
        command.replace("{subject}", subject).replace("{host}", host)
        for command in CODE_WORDS[key.code].commands
    )


def _word(name: str) -> str:
    """One word to a shell, and to the program no option."""
    word = shlex.quote(name)
    return f"-- {word}" if name.startswith("-") else word
