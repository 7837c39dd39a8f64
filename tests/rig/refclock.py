"""A host's reference clocks: a GPS receiver and its pulse, fed to chronyd over its SOCK driver.

Over SOCK and not over shared memory: a segment is the whole machine's, and would be taken for a
receiver by the chronyd that steers it.
"""

import errno
import math
import socket
import struct
import threading
import time
from pathlib import Path

#: A pulse comes once a second; it is told more often, so that a state is reached sooner.
_CYCLE_S = 0.25
#: struct sock_sample: time, offset, is a pulse, leap, padding, magic. Source: chrony.conf(5), SOCK.
_SAMPLE = struct.Struct("@lldiiii")
_MAGIC = 0x534F434B
_NOT_THERE = (errno.ENOENT, errno.ECONNREFUSED)


class Refclocks:
    """GPS, which numbers the seconds, and PPS, which says where they begin."""

    def __init__(self, folder: Path) -> None:
        self._gps, self._pps = folder / "gps.sock", folder / "pps.sock"
        self.offset_s = 0.0  #: of both against the true time; positive = they are ahead
        self.gps_offset_s = 0.0  #: of GPS alone, on top
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def lines(self) -> list[str]:
        """Of chrony.conf. GPS only lends PPS its seconds: by itself it is too coarse."""
        return [
            f"refclock SOCK {self._gps} refid GPS poll 0 filter 1 delay 0.1 precision 1e-2",
            f"refclock SOCK {self._pps} refid PPS poll 0 filter 1 lock GPS precision 1e-6",
        ]

    def start(self) -> None:
        """Both go on."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._feed, name="refclocks", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Both fall silent, as without an antenna."""
        if self._thread is not None:
            self._stopped.set()
            self._thread.join(timeout=5)
            self._thread = None

    def _feed(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            while not self._stopped.wait(_CYCLE_S):
                whole_s = self.offset_s + self.gps_offset_s
                self._tell(sock, self._gps, whole_s, is_pulse=False)
                self._tell(sock, self._pps, self.offset_s, is_pulse=True)

    def _tell(self, sock: socket.socket, path: Path, offset_s: float, *, is_pulse: bool) -> None:
        fraction, seconds = math.modf(time.time())
        if is_pulse:  # only where in the second: which one it is, a pulse does not know
            offset_s -= round(offset_s)
        at = (int(seconds), int(fraction * 1e6))
        sample = _SAMPLE.pack(*at, offset_s, is_pulse, 0, 0, _MAGIC)
        try:
            sock.sendto(sample, str(path))
        except OSError as error:
            # chronyd is down, or was frozen for long: nobody listens.
            if error.errno not in (*_NOT_THERE, errno.EAGAIN):
                raise
