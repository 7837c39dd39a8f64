"""What real programs printed: `<program>-<version>/<state of the host>.<report>`.

Taken from chronyd and gpsd of the test rig. Reference servers were renamed to 192.0.2.0/24,
devices to /dev/ttyS0; each position was replaced by zeros.
"""

from pathlib import Path

_FOLDER = Path(__file__).parent
CHRONY = _FOLDER / "chrony-4.3"
GPSD = _FOLDER / "gpsd-3.22"


def read_chrony(state: str, report: str) -> bytes:
    """One report of chronyc, as it was printed."""
    return (CHRONY / f"{state}.{report}").read_bytes()


def read_gpsd(state: str) -> bytes:
    """What `gpspipe -w` printed."""
    return (GPSD / f"{state}.gpspipe").read_bytes()
