"""How a host's answer is framed, and taken apart again.

Login shells print what they like before our output (`.bashrc` is read even for one command), and
programs fail each in its own way: every part stands between a begin line and an end line that
carries its exit status, so that noise is dropped and a part that is cut short is known to be.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ntp_checker.errors import CommandFailed, DeadlineMissed, MalformedOutput
from ntp_checker.model import Capture
from ntp_checker.parse.fields import parse_epoch

MARK = "@ntp-checker"
_BEGIN = re.compile(rf"{MARK} begin ([a-z]+)".encode())
_END = re.compile(rf"{MARK} end ([a-z]+) ([0-9]{{1,3}})".encode())
_TIMEOUT_EXITS = (124, 137)  #: of timeout(1): TERM, or KILL after it
NOT_FOUND_EXIT, NOT_EXECUTABLE_EXIT = 127, 126  #: of the shell, and of timeout(1)
_PROGRAMS = dict.fromkeys(("tracking", "sources", "sourcestats", "selectdata"), "chronyc")


@dataclass(frozen=True, slots=True, kw_only=True)
class FramedPart:
    """What one program printed, stdout and stderr together, and how it ended."""

    program: str
    output: bytes
    exit_status: int


def framed(word: str, command: str, *, or_stop: bool = False) -> str:
    """Shell text that runs `command` between its marks; a time-out may stop what follows."""
    stop = "; [ $s -ne 124 ] || exit 0" if or_stop else ""
    # Each mark begins a line of its own, whatever was printed without a newline before it.
    begin = f'printf "\\n{MARK} begin {word}\\n"'
    end = f'printf "\\n{MARK} end {word} %d\\n" $s'
    return f"{begin}; {command} 2>&1; s=$?; {end}{stop}"


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


def require_part(parts: Mapping[str, FramedPart], word: str) -> FramedPart:
    """The part of this word, ended as it should.

    Raises DeadlineMissed (it took too long on the host), CommandFailed (missing, not executable,
    crashed, cut short). A plain exit 1 passes: chronyc explains it on stdout, for the parser.
    """
    part = parts.get(word)
    if part is None:
        late = next((p for p in parts.values() if p.exit_status in _TIMEOUT_EXITS), None)
        if late is not None:
            raise DeadlineMissed(f"not asked: {late.program} took too long before", stage="run")
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


def require_frames(capture: Capture, first: str) -> dict[str, FramedPart]:
    """The parts of an answer. Raises CommandFailed if not even the first one is there."""
    parts = split_frames(capture.output)
    if first in parts:
        return parts
    said = capture.output.strip().split(b"\n")[-1][:120].decode("ascii", "backslashreplace")
    ended = "was killed" if capture.exit_status is None else f"exit status {capture.exit_status}"
    raise CommandFailed(
        f"the account runs no commands ({ended}){': ' + said if said else ''}", stage="run"
    )
