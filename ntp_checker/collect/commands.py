"""What we ask of a host, and how its answer is framed.

Login shells print what they like before our output (`.bashrc` is read even for one command), and
programs fail each in its own way: every part stands between a begin line and an end line that
carries its exit status, so that noise is dropped and a part that is cut short is known to be.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ntp_checker.errors import CommandFailed, DeadlineMissed, MalformedOutput
from ntp_checker.parse.fields import parse_epoch

#: A thousand sources fill 200 KB; what is larger is no answer of chronyc.
CHRONY_MAX_BYTES = 512 * 1024
#: Four seconds of two receivers with 60 satellites each fill 100 KB.
GPS_MAX_BYTES = 1024 * 1024

#: How long gpspipe listens: reports come once a second, some receivers need two for a whole sky.
GPS_LISTEN_S = 4
#: gpspipe counts its seconds by the wall clock, which may step: `timeout` ends it in any case.
GPS_TIMEOUT_S = GPS_LISTEN_S + 2
#: On top for the login shell, gpspipe's start and the way back.
GPS_DEADLINE_S = GPS_TIMEOUT_S + 4

_MARK = "@ntp-checker"
_BEGIN = re.compile(rf"{_MARK} begin ([a-z]+)".encode())
_END = re.compile(rf"{_MARK} end ([a-z]+) ([0-9]{{1,3}})".encode())
_TIMEOUT_EXITS = (124, 137)  #: of timeout(1): TERM, or KILL after it
NOT_FOUND_EXIT, NOT_EXECUTABLE_EXIT = 127, 126  #: of the shell, and of timeout(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FramedPart:
    """What one program printed, stdout and stderr together, and how it ended."""

    program: str
    output: bytes
    exit_status: int


def chrony_command(deadline_s: float) -> str:
    """Asks for the host's date, tracking, sources and sourcestats, in this order.

    The whole ends on the host by itself within `deadline_s` seconds, also when our connection is
    long gone. A frozen chronyd would let chronyc wait for 7 to 14 s, each time: the first report
    that does not come in half of the time ends the look, and so no `506` from a frozen chronyd is
    ever taken for one from a chronyd that is not running.
    """
    each_s = _timeout_argument(deadline_s / 2)
    return _framed_command(
        deadline_s,
        _framed("date", "date +%s.%N"),
        *(
            _framed(report, f"timeout -k 1 {each_s} chronyc -c -n {report}", or_stop=True)
            for report in ("tracking", "sources", "sourcestats")
        ),
    )


def gps_command() -> str:
    """Listens to gpsd for GPS_LISTEN_S seconds."""
    listen = f"timeout -k 1 {GPS_TIMEOUT_S} gpspipe -w -x {GPS_LISTEN_S}"
    return _framed_command(GPS_DEADLINE_S, _framed("gpspipe", listen))


def _framed(word: str, command: str, *, or_stop: bool = False) -> str:
    stop = "; [ $s -ne 124 ] || exit 0" if or_stop else ""
    # Each mark begins a line of its own, whatever was printed without a newline before it.
    begin = f'printf "\\n{_MARK} begin {word}\\n"'
    end = f'printf "\\n{_MARK} end {word} %d\\n" $s'
    return f"{begin}; {command} 2>&1; s=$?; {end}{stop}"


def _framed_command(deadline_s: float, *parts: str) -> str:
    # `env` because login shells like csh know no NAME=value before a command; no single quote
    # stands inside, so every shell passes the script on as it is.
    script = "; ".join(parts)
    return f"env LC_ALL=C timeout -k 1 {_timeout_argument(deadline_s)} sh -c '{script}'"


def _timeout_argument(seconds: float) -> str:
    """Whole seconds where we can: busybox's timeout may know no fractions."""
    return str(math.ceil(seconds)) if seconds >= 1 else f"{seconds:.2f}"


def split_frames(output: bytes) -> dict[str, FramedPart]:
    """The parts of an answer by their word; what stands outside the frames is dropped.

    A part that was cut short, before its end line, is not there.
    """
    parts: dict[str, FramedPart] = {}
    word, body = b"", list[bytes]()
    for line in output.split(b"\n"):
        if begin := _BEGIN.fullmatch(line):
            word, body = begin[1], []
        elif (end := _END.fullmatch(line)) and end[1] == word:
            name = word.decode("ascii")
            parts[name] = FramedPart(
                program=_PROGRAMS.get(name, name),
                output=b"\n".join(body),
                exit_status=int(end[2]),
            )
            # What stands between two parts is in neither, and no part ends twice.
            word, body = b"", []
        else:
            body.append(line)
    return parts


_PROGRAMS = {"tracking": "chronyc", "sources": "chronyc", "sourcestats": "chronyc"}


def require_part(parts: Mapping[str, FramedPart], word: str) -> FramedPart:
    """The part of this word, ended as it should.

    Raises DeadlineMissed (it took too long on the host), CommandFailed (missing, not executable,
    crashed, cut short). A plain exit 1 passes: chronyc explains it on stdout, for the parser.
    """
    part = parts.get(word)
    if part is None:
        raise CommandFailed(f"{word}: the answer ends before this report does", stage="run")
    exit_status, program = part.exit_status, part.program
    if exit_status in _TIMEOUT_EXITS:
        raise DeadlineMissed(f"{program} did not answer in time", stage="run")
    said = _say_output(part.output)
    if exit_status == NOT_FOUND_EXIT:
        raise CommandFailed(f"{program} is not installed, or not on the PATH{said}", stage="run")
    if exit_status == NOT_EXECUTABLE_EXIT:
        raise CommandFailed(f"{program} is not executable{said}", stage="run")
    if exit_status > 1:
        raise CommandFailed(f"{program} ended with exit status {exit_status}{said}", stage="run")
    if exit_status == 1 and not part.output.strip():
        raise CommandFailed(f"{program} ended with exit status 1 and no word", stage="run")
    return part


def _say_output(output: bytes) -> str:
    first = output.strip().split(b"\n")[0][:120].decode("ascii", "backslashreplace")
    return f": {first}" if first else ""


def host_time(parts: Mapping[str, FramedPart]) -> datetime | None:
    """The host's own clock within the look; None where its `date` knows no fractions."""
    part = parts.get("date")
    if part is None or part.exit_status != 0:
        return None
    try:
        return parse_epoch("date", part.output.decode("ascii", "replace").strip())
    except MalformedOutput:
        return None
