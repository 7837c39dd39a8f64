"""What each problem is called in a title, and what to run first. Fixed texts.

The commands follow chronyc(1), gpspipe(1), ssh(1) and systemctl(1). What is put in, quoted: `{host}`, the
name in the settings; `{subject}`; `{login}`, what ssh is given to reach the host; `{address}`, without
account and port; `{known_as}`, as it stands in known_hosts. `{on_host}` becomes nothing for the checker's
own machine, and commands about a way to it are left out.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from ntp_checker.errors import ConfigError
from ntp_checker.message.clean import clean_line
from ntp_checker.model import CHECKER, SSH_PORT, AlertKey, ProblemCode
from ntp_checker.targets import parse_target

_MAX_NAME_CHARS = 60
_MAX_SUBJECT_CHARS = 60
#: What only commands about the way to a host hold.
_WAY = ("{login}", "{address}", "{known_as}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeWords:
    """One problem code in words."""

    title: str
    commands: tuple[str, ...]


_TRACKING = "{on_host} chronyc -n tracking"
_SOURCES = "{on_host} chronyc -n sources -v"
_STATS = "{on_host} chronyc -n sourcestats -v"
# chronyd answers these two to root only.
_SELECT = "{on_host_tty} sudo chronyc -n selectdata -v"
_NTPDATA = "{on_host_tty} sudo chronyc -n ntpdata"
_ACTIVITY = "{on_host} chronyc activity"
_CHRONY_STATE = "{on_host} systemctl status chrony chronyd"
_CHRONY_LOG = "{on_host} journalctl -u chrony -u chronyd -n 50"
_GPSPIPE = "{on_host} gpspipe -w -n 10"
_GPSD_STATE = "{on_host} systemctl status gpsd gpsd.socket"
_GPSD_LOG = "{on_host} journalctl -u gpsd -n 50"
_CHECK = "ntp-checker check {host}"
_LOGIN = "ssh -v {login} true"
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
    ProblemCode.HOST_UNREACHABLE: _words("host unreachable", _CHECK, "ping -c 3 {address}", _LOGIN),
    ProblemCode.LOGIN_REFUSED: _words("login refused", _CHECK, _LOGIN, "ntp-checker authorize"),
    ProblemCode.PROBE_FAILED: _words("look failed", _CHECK, _TRACKING, _CHRONY_STATE),
    ProblemCode.HOST_KEY_CHANGED: _words(
        "host key changed", "ssh-keygen -l -F {known_as}", "ntp-checker trust {host}"
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


def first_commands(key: AlertKey, target: str | None = None) -> tuple[str, ...]:
    """What to run first, ready to be pasted into a shell: a name is one word there.

    `target` is where the host is looked at, `[user@]host[:port]` or `local`; None, or one that is
    not understood: its name stands in for it.
    """
    name = clean_line(key.host, max_chars=_MAX_NAME_CHARS)
    words = {
        "{subject}": _word(clean_line(key.subject, max_chars=_MAX_SUBJECT_CHARS)),
        "{host}": _word(name),
        **_way_to(name, target),
    }
    commands = []
    for command in CODE_WORDS[key.code].commands:
        parts = [words.get(part, part) for part in command.split(" ")]
        if None not in parts:
            commands.append(" ".join(part for part in parts if part))
    return tuple(commands)


def _way_to(name: str, target: str | None) -> Mapping[str, str | None]:
    """How the host is reached; None where there is no way to go, "" where none is needed."""
    try:
        host = None if target is None else parse_target(target)
    except ConfigError:
        host = None
    if host is None:
        login = address = known_as = _word(name)
    elif host.is_local:
        return {"{on_host}": "", "{on_host_tty}": "", **dict.fromkeys(_WAY)}
    else:
        port = "" if host.port == SSH_PORT else f"-p {host.port} "
        login = port + _word(f"{host.user}@{host.address}" if host.user else host.address)
        address, known_as = _word(host.address), _word(host.known_hosts_name)
    return {
        "{on_host}": f"ssh {login}",
        "{on_host_tty}": f"ssh -t {login}",
        "{login}": login,
        "{address}": address,
        "{known_as}": known_as,
    }


def _word(name: str) -> str:
    """One word to a shell, and to the program no option."""
    word = shlex.quote(name)
    return f"-- {word}" if name.startswith("-") else word
