"""chronyc's CSV reports (`chronyc -c -n …`) -> types.

Source: chronyc(1), and client.c of chrony 2.4 to 4.8, over which the field counts used here never
shrank: tracking 14, sources 10, sourcestats 8. More fields than we know are taken, fewer refused.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ntp_checker.errors import ChronydDown, CommandFailed, MalformedOutput
from ntp_checker.model import (
    Leap,
    Selection,
    Source,
    SourceMode,
    SourceState,
    SourceStats,
    Tracking,
)
from ntp_checker.parse.fields import (
    decode_ascii,
    parse_epoch,
    parse_float,
    parse_int,
    parse_signed_s,
    parse_unsigned_s,
    parse_word,
)

TRACKING_FIELDS = 14
SOURCES_FIELDS = 10
SOURCESTATS_FIELDS = 8
SELECTDATA_FIELDS = 18

#: What `sources` prints as LastRx for a source that was never heard, 2**32 - 1.
NEVER_HEARD = 4_294_967_295
#: chronyd holds no more sources than this in any build; a host that lists more lies.
MAX_SOURCES = 1_000
#: Below it no regression is made and sourcestats prints a fixed 4 s. Source: sourcestats.c.
MIN_STATS_SAMPLES = 3

_ERROR_REPLY = re.compile(r"(5[0-9]{2}) [\x20-\x7e]{1,200}")
_REFID = re.compile(r"[0-9A-F]{8}")

_LEAPS = {
    "Normal": Leap.NORMAL,
    "Insert second": Leap.INSERT_SECOND,
    "Delete second": Leap.DELETE_SECOND,
    "Not synchronised": Leap.NOT_SYNCHRONISED,
}
_SELECTIONS = {
    "N": Selection.NOSELECT,
    "s": Selection.UNSYNCHRONISED,
    "M": Selection.FEW_SAMPLES,
    "d": Selection.DISTANT,
    "~": Selection.JITTERY,
    "w": Selection.WAITS_FOR_SAMPLES,
    "S": Selection.STALE,
    "O": Selection.ORPHAN,
    "T": Selection.NOT_TRUSTED,
    "x": Selection.FALSETICKER,
    "W": Selection.WAITS_FOR_SOURCES,
    "P": Selection.NOT_PREFERRED,
    "U": Selection.WAITS_FOR_UPDATE,
    "D": Selection.TOO_DISTANT_TO_COMBINE,
    "+": Selection.COMBINED,
    "*": Selection.SELECTED,
}
_MODES = {"^": SourceMode.SERVER, "=": SourceMode.PEER, "#": SourceMode.REFCLOCK}
_STATES = {
    "*": SourceState.SELECTED,
    "+": SourceState.COMBINED,
    "-": SourceState.SELECTABLE,
    "?": SourceState.UNUSABLE,
    "x": SourceState.FALSETICKER,
    "~": SourceState.JITTERY,
}


def parse_tracking(output: bytes) -> Tracking:
    """`chronyc -c -n tracking`: one line.

    *System time* is printed positive when the clock is slow; here, and here alone, its sign turns.
    Raises ChronydDown, CommandFailed (chronyc's own error reply), MalformedOutput.
    """
    rows = _rows("tracking", output, TRACKING_FIELDS)
    if len(rows) != 1:
        raise MalformedOutput("tracking", f"{len(rows)} lines instead of one")
    row = rows[0]
    if not _REFID.fullmatch(row[0]):
        raise MalformedOutput("tracking refid", row[0])
    leap = _LEAPS.get(row[13])
    if leap is None:
        raise MalformedOutput("tracking leap status", row[13])

    # 0.0 - x and not -x: a perfect 0 must not become "-0.0".
    return Tracking(
        refid=row[0],
        ref_name=parse_word("tracking reference name", row[1]) if row[1] else None,
        stratum=parse_int("tracking stratum", row[2], 0, 16),
        ref_time=parse_epoch("tracking ref time", row[3]),
        system_offset_s=0.0 - parse_signed_s("tracking system time", row[4]),
        last_offset_s=parse_signed_s("tracking last offset", row[5]),
        rms_offset_s=parse_unsigned_s("tracking RMS offset", row[6]),
        freq_ppm=parse_float("tracking frequency", row[7], -1e6, 1e6),
        resid_freq_ppm=parse_float("tracking residual frequency", row[8], -1e9, 1e9),
        skew_ppm=parse_float("tracking skew", row[9], 0.0, 1e9),
        root_delay_s=parse_unsigned_s("tracking root delay", row[10]),
        root_dispersion_s=parse_unsigned_s("tracking root dispersion", row[11]),
        update_interval_s=parse_unsigned_s("tracking update interval", row[12]),
        leap=leap,
    )


def parse_sources(output: bytes) -> tuple[Source, ...]:
    """`chronyc -c -n sources`: one line a source; no output at all when none is configured.

    Raises ChronydDown, CommandFailed, MalformedOutput.
    """
    rows = _rows("sources", output, SOURCES_FIELDS)
    if len(rows) > MAX_SOURCES:
        raise MalformedOutput("sources", f"{len(rows)} lines, more than {MAX_SOURCES}")
    return tuple(_source(row) for row in rows)


def _source(row: list[str]) -> Source:
    mode, state = _MODES.get(row[0]), _STATES.get(row[1])
    if mode is None:
        raise MalformedOutput("source mode", row[0])
    if state is None:
        raise MalformedOutput("source state", row[1])

    last_rx_s = parse_int("source LastRx", row[6], 0, NEVER_HEARD)
    heard = last_rx_s != NEVER_HEARD
    offset_s = parse_signed_s("source adjusted offset", row[7])
    measured_offset_s = parse_signed_s("source measured offset", row[8])
    error_s = parse_unsigned_s("source error margin", row[9])
    return Source(
        mode=mode,
        state=state,
        address=parse_word("source name", row[2]),
        stratum=parse_int("source stratum", row[3], 0, 16),
        poll_log2_s=parse_int("source poll", row[4], -32, 32),
        reach=parse_reach(row[5]),
        last_rx_s=last_rx_s if heard else None,
        # Without a sample chronyc prints zeros that mean nothing.
        offset_s=offset_s if heard else None,
        measured_offset_s=measured_offset_s if heard else None,
        error_s=error_s if heard else None,
    )


def parse_reach(text: str) -> int:
    """Reachability register, 0-255; bit 0 is the newest poll.

    Printed in octal, with -c too. Source: chronyc(1), "sources", Reach.
    Raises MalformedOutput if it is not octal or needs more than 8 bits.
    """
    if not re.fullmatch(r"[0-7]{1,3}", text):
        raise MalformedOutput("reach", text)
    reach = int(text, base=8)
    if reach > 0o377:
        raise MalformedOutput("reach", text)
    return reach


def parse_sourcestats(output: bytes) -> tuple[SourceStats, ...]:
    """`chronyc -c -n sourcestats`: one line a source that has ever been tried.

    Raises ChronydDown, CommandFailed, MalformedOutput.
    """
    return tuple(
        SourceStats(
            address=parse_word("sourcestats name", row[0]),
            samples=parse_int("sourcestats NP", row[1], 0, 1_000_000),
            std_dev_s=parse_unsigned_s("sourcestats std dev", row[7]),
        )
        for row in _rows("sourcestats", output, SOURCESTATS_FIELDS)
    )


def join_stats(sources: Iterable[Source], stats: Iterable[SourceStats]) -> tuple[Source, ...]:
    """Sources with the statistics of the same name; rows of the two reports need not line up.

    Two refclocks may share a refid: they are paired in the order both reports keep. A standard
    deviation of fewer than 3 samples is chronyd's placeholder and stays None.
    """
    waiting: defaultdict[str, list[SourceStats]] = defaultdict(list)
    for row in stats:
        waiting[row.address].append(row)
    return tuple(_with_stats(source, waiting[source.address]) for source in sources)


def parse_selectdata(output: bytes) -> dict[str, Selection]:
    """`chronyc -c -n selectdata` (4.0 and newer): why each source is or is not followed, by name.

    A letter that is not known yet says nothing. Raises ChronydDown, CommandFailed (an account
    without the command socket is refused: "501 Not authorised"), MalformedOutput.
    """
    return {
        parse_word("selectdata name", row[1]): _SELECTIONS[row[0]]
        for row in _rows("selectdata", output, SELECTDATA_FIELDS)
        if row[0] in _SELECTIONS
    }


def join_selections(
    sources: Iterable[Source], selections: Mapping[str, Selection]
) -> tuple[Source, ...]:
    """Sources with the reason of the same name."""
    if not selections:
        return tuple(sources)
    return tuple(replace(source, selection=selections.get(source.address)) for source in sources)


def _with_stats(source: Source, rows: list[SourceStats]) -> Source:
    if not rows:
        return source
    row = rows.pop(0)
    std_dev_s = row.std_dev_s if row.samples >= MIN_STATS_SAMPLES else None
    return replace(source, samples=row.samples, std_dev_s=std_dev_s)


def _rows(report: str, output: bytes, min_fields: int) -> list[list[str]]:
    """Lines of a CSV report, each of at least `min_fields` fields."""
    text = decode_ascii(report, output)
    lines = [line.rstrip("\r") for line in text.split("\n")]
    rows = []
    for line in filter(None, lines):
        error = _ERROR_REPLY.fullmatch(line)
        if error:
            _raise_reply(error.group(1), line)
        fields = line.split(",")
        if len(fields) < min_fields:
            raise MalformedOutput(f"{report} line", line)
        rows.append(fields)
    return rows


def _raise_reply(code: str, line: str) -> None:
    """Errors come on stdout: "506 Cannot talk to daemon", "501 Not authorised"."""
    if code == "506":
        raise ChronydDown(f"chronyc says: {line}", stage="ask")
    raise CommandFailed(f"chronyc says: {line}", stage="ask")
