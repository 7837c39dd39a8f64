"""What is run on a host: three commands, each a fixed text.

Each text begins with `: ntp-checker WORD;`, which does nothing in any shell: the forced command
of a restricted key knows by the word which of its own scripts to run, and never runs our text.
`env` because login shells like csh know no NAME=value before a command; no single quote stands
inside a script, so every shell passes it on as it is.
"""

import math

from ntp_checker.collect.frames import MARK, framed

#: A thousand sources fill 200 KB; what is larger is no answer of chronyc.
CHRONY_MAX_BYTES = 512 * 1024
#: Four seconds of two receivers with 60 satellites each fill 100 KB.
GPS_MAX_BYTES = 1024 * 1024

#: Over UDP chronyc gives up a frozen chronyd after 7 s, and then says what it says of none.
CHRONYC_MAX_S = 5.0

#: How long gpspipe listens: reports come once a second, some receivers need two for a whole sky.
GPS_LISTEN_S = 4
#: gpspipe counts its seconds by the wall clock, which may step: `timeout` ends it in any case.
GPS_TIMEOUT_S = GPS_LISTEN_S + 2
#: On top for the login shell, gpspipe's start and the way back.
GPS_DEADLINE_S = GPS_TIMEOUT_S + 4

#: Printed by a channel when it is ready, after whatever the login shell had to say.
CHANNEL_READY = f"{MARK} ready"


def chrony_command(deadline_s: float) -> str:
    """Asks for the host's date, tracking, sources, sourcestats and selectdata, in this order.

    The whole ends on the host by itself within `deadline_s` seconds, also when our connection is
    long gone.
    """
    return _command("look", f"{_timeout(deadline_s)} sh -c '{chrony_script(deadline_s)}'")


def chrony_script(deadline_s: float) -> str:
    """The shell text behind chrony_command.

    A frozen chronyd would let chronyc wait for 7 to 14 s, each time: the first report that does
    not come in half of the time ends the look, and so no `506` from a frozen chronyd is ever
    taken for one from a chronyd that is not running. Hence also the bound on long deadlines.
    """
    chronyc = f"{_timeout(min(deadline_s / 2, CHRONYC_MAX_S))} chronyc -c -n"
    reports = ("tracking", "sources", "sourcestats", "selectdata")
    return "; ".join(
        [
            framed("date", "date +%s.%N"),
            *(framed(report, f"{chronyc} {report}", or_stop=True) for report in reports),
        ]
    )


def gps_command() -> str:
    """Listens to gpsd for GPS_LISTEN_S seconds."""
    return _command("gps", f"{_timeout(GPS_DEADLINE_S)} sh -c '{gps_script()}'")


def gps_script() -> str:
    """The shell text behind gps_command.

    gpspipe knows -x since 3.18; an older one is ended by `timeout`, which here is no failure.
    """
    knows_x = f'{_timeout(1)} gpspipe -h 2>&1 | grep -q -e "-x "'
    by_itself = f"{_timeout(GPS_TIMEOUT_S)} gpspipe -w -uu -x {GPS_LISTEN_S}"
    ended = f"{_timeout(GPS_LISTEN_S)} gpspipe -w -uu; s=$?; [ $s -eq 124 ] || (exit $s)"
    return framed("gpspipe", f"{{ if {knows_x}; then {by_itself}; else {ended}; fi; }}")


def channel_command() -> str:
    """Starts a chronyc that takes its commands from us, after the line CHANNEL_READY."""
    script = f'printf "\\n{CHANNEL_READY}\\n"; exec chronyc -c -n'
    return _command("loop", f"sh -c '{script}'")


def _command(word: str, rest: str) -> str:
    return f": ntp-checker {word}; env LC_ALL=C {rest}"


def _timeout(seconds: float) -> str:
    """`timeout` for so long; whole seconds where we can: busybox's may know no fractions."""
    return f"timeout -k 1 {math.ceil(seconds) if seconds >= 1 else f'{seconds:.2f}'}"
