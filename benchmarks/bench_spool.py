"""What a sample takes in the spool's file, and how large its write-ahead log gets when it is full.

Samples as hosts have them: floats of all digits, the judgements of the default limits. The file is
filled as in a long outage, with one host's slots beside the others'; then the database is back.
"""

import asyncio
import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ntp_checker.model import (
    FailureKind,
    Host,
    JudgedSample,
    Part,
    Role,
    Sample,
    Satellite,
    SourceMode,
    SourceState,
)
from ntp_checker.rules.verdict import judge
from ntp_checker.store.spool import Spool
from tests.made_samples import NOW, SAMPLE, SOURCE, gps_report, with_failure, with_gps

ROWS = 5_000
HOSTS = 1_000
FULL_MAX_BYTES = 512 * 1024**2
MIB = 1024**2

_random = random.Random(1)


def judged(sample: Sample, role: Role = Role.SERVER) -> JudgedSample:
    """With its verdict by the default limits."""
    limits = Host(name="h", address="192.0.2.1", role=role).limits
    return JudgedSample(sample=sample, verdict=judge(sample, limits, 30.0))


def server(sources: int) -> Sample:
    """A healthy host that follows so many servers."""

    def some(scale: float) -> float:
        return _random.gauss(0, scale)

    assert SAMPLE.tracking is not None
    tracking = replace(
        SAMPLE.tracking,
        system_offset_s=some(1e-5),
        last_offset_s=some(1e-5),
        rms_offset_s=abs(some(1e-5)),
        freq_ppm=round(some(20), 3),
        resid_freq_ppm=round(some(0.01), 3),
        skew_ppm=round(abs(some(0.1)), 3),
        root_delay_s=abs(some(1e-2)),
        root_dispersion_s=abs(some(1e-3)),
        update_interval_s=64.2,
    )
    lines = tuple(
        replace(
            SOURCE,
            address=f"192.0.2.{number + 1}",
            mode=SourceMode.SERVER,
            state=SourceState.COMBINED if number else SourceState.SELECTED,
            offset_s=some(1e-4),
            measured_offset_s=some(1e-4),
            error_s=abs(some(1e-3)),
            std_dev_s=abs(some(1e-4)),
        )
        for number in range(sources)
    )
    return replace(SAMPLE, tracking=tracking, sources=lines, duration_s=0.0123456789)


def gps_server(satellites: int) -> Sample:
    """The same with a receiver that sees so many satellites."""
    sky = tuple(
        Satellite(
            gnssid=number % 4,
            svid=number + 1,
            used=number % 2 == 0,
            snr_dbhz=41.0,
            elevation_deg=61.0,
            azimuth_deg=120.0,
        )
        for number in range(satellites)
    )
    found = with_gps(gps_report(satellites=sky, satellites_used=satellites // 2))
    healthy = server(4)
    return replace(healthy, gps=found.gps, gps_devices=found.gps_devices)


KINDS: dict[str, Callable[[], JudgedSample]] = {
    "server, 1 source": lambda: judged(server(1)),
    "server, 4 sources": lambda: judged(server(4)),
    "server, 8 sources": lambda: judged(server(8)),
    "GPS server, 4 sources, 12 satellites": lambda: judged(gps_server(12), Role.GPS_SERVER),
    "GPS server, 4 sources, 40 satellites": lambda: judged(gps_server(40), Role.GPS_SERVER),
    "host that does not answer": lambda: judged(
        with_failure(Part.LOGIN, FailureKind.UNREACHABLE, detail="connect to 192.0.2.1 port 22")
    ),
}


def at(one: JudgedSample, number: int) -> JudgedSample:
    """The sample as the `number`-th of all, of one of the hosts."""
    slot_at = NOW + timedelta(seconds=30 * (number // HOSTS), microseconds=number % HOSTS)
    sample = replace(one.sample, host=f"ntp{number % HOSTS}.example.org", slot_at=slot_at)
    return replace(one, sample=sample)


async def bytes_a_row(folder: Path, make: Callable[[], JudgedSample]) -> float:
    """What the file grows by."""
    path = folder / "spool.sqlite"
    spool = Spool(path)
    one = make()
    for start in range(0, ROWS, 100):
        await spool.append_all([at(one, number) for number in range(start, start + 100)], 1)
    await spool.close()  # takes the log over into the file
    return path.stat().st_size / ROWS


async def largest_log(folder: Path) -> int:
    """Bytes of the write-ahead log at its largest: filled until it is thinned, then emptied."""
    path = folder / "full.sqlite"
    spool, log = Spool(path, max_bytes=FULL_MAX_BYTES), folder / "full.sqlite-wal"
    one, largest = judged(server(4)), 0
    for start in range(0, 100_000, 100):
        await spool.append_all([at(one, number) for number in range(start, start + 100)], 1)
        largest = max(largest, log.stat().st_size)
    print(f"full: file {path.stat().st_size / MIB:.0f} of {FULL_MAX_BYTES / MIB:.0f} MiB, ", end="")
    while rows := await spool.read_uncommitted(1_000):
        await spool.mark_committed([row.row_id for row in rows])
        largest = max(largest, log.stat().st_size)
    await spool.close()
    return largest


async def main() -> None:
    """Prints a line for each kind, and one of the log."""
    for name, make in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name}: {await bytes_a_row(Path(folder), make):,.0f} bytes a row")
    with tempfile.TemporaryDirectory() as folder:
        print(f"log {await largest_log(Path(folder)) / MIB:.0f} MiB at most")


if __name__ == "__main__":
    asyncio.run(main())
