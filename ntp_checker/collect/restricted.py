"""The forced command of a restricted key: a script of fixed words for a monitored host.

A key with `restrict,command="…"` can do nothing but run this. Of what the checker asks for, the
script reads one word; it runs its own texts, and passes nothing on to chronyc.
"""

from ntp_checker.collect.commands import CHANNEL_READY, GPS_DEADLINE_S, chrony_script, gps_script
from ntp_checker.collect.frames import MARK

#: Where the script is expected on the host, unless said otherwise.
SCRIPT_PATH = "/usr/local/lib/ntp-checker/look"

#: Bounds of the script's own, whatever the checker's deadline is.
LOOK_DEADLINE_S = 8
#: The loop ends when no request came for this long, also if the connection was cut without a word...
IDLE_S = 80
#: ...and in any case after an hour; at the end of its input it ends at once.
LOOP_S = 3600

_TEMPLATE = f"""\
#!/bin/sh
# NTP Checker: all that its key may do on this host. It reads chronyd's and gpsd's reports.
LC_ALL=C
export LC_ALL

# Reads the words of one request; the last is "activity". A child does it, so that it can be given
# up: sh itself can't wait for a limited time.
# shellcheck disable=SC2016 # the quoted scripts are for the sh that they are given to
next_request() {{
    timeout {IDLE_S} sh -c 'while IFS= read -r word; do
        case $word in
            tracking | sources | sourcestats) ;;
            activity) exit 0 ;;
            *) exit 1 ;;
        esac
    done
    exit 1'
}}

loop() {{
    printf "\\n{CHANNEL_READY}\\n"
    while next_request; do
        # Kept and then printed: one segment for all four reports.
        reports=$(chronyc -c -n -m tracking sources sourcestats activity 2>&1) ||
            reports="$reports
{MARK} end $?"
        printf "%s\\n" "$reports"
    done
}}

if [ "${{1-}}" = loop ]; then
    loop
    exit 0
fi

# shellcheck disable=SC2016 # the quoted scripts are for the sh that they are given to
case $SSH_ORIGINAL_COMMAND in
    ": ntp-checker look;"*)
        exec timeout -k 1 {LOOK_DEADLINE_S} sh -c '{chrony_script(LOOK_DEADLINE_S)}'
        ;;
    ": ntp-checker gps;"*)
        exec timeout -k 1 {GPS_DEADLINE_S} sh -c '{gps_script()}'
        ;;
    ": ntp-checker loop;"*)
        exec timeout {LOOP_S} "$0" loop
        ;;
    *)
        echo "this key is NTP Checker's and does nothing else" >&2
        exit 1
        ;;
esac
"""


def forced_command_script() -> str:
    """The script to be put on a monitored host, readable and executable there."""
    return _TEMPLATE


def authorized_keys_line(public_key: str, script_path: str) -> str:
    """The line that binds a key to the script. `public_key` is `type base64`, as in a .pub file."""
    return f'restrict,command="{script_path}" {public_key} ntp-checker'
