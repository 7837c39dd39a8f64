"""One host's GPS: a receiver on a pseudo-terminal, and the real gpsd that reads it.

A pseudo-terminal and no TCP feed: gpsd would hand a TCP receiver's time to the chronyd of this
very machine by shared memory, and the rig never steers a clock.
"""

import json
import os
import select
import socket
import threading
import time
import tty
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.rig.nmea import FEED_MODES, GPSD_FEEDS, GpsFeed, burst
from tests.rig.parts import find_part
from tests.rig.processes import Daemon, Reaper, RigError, free_tcp_port
from tests.rig.reaper import EXPORT_KEYS

_CYCLE_S = 1.0
#: gpsd is deaf for its first second; short cycles show it the receiver as soon as it listens.
_FIRST_CYCLES_S = 0.25
_FIRST_CYCLES = 12


class Receiver:
    """A GPS receiver that talks on a pseudo-terminal from a thread of its own."""

    def __init__(self, feed: GpsFeed) -> None:
        self.feed = feed
        self.time_offset_s = 0.0  #: positive = the receiver's own UTC is ahead
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        # As root gpsd gives up its rights before it may have to open the device again.
        os.fchmod(self._theirs, 0o666)
        os.set_blocking(self._ours, False)
        self.device = os.ttyname(self._theirs)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._talk, name="gps receiver", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The receiver is unplugged."""
        if not self._thread.is_alive():
            return
        os.write(self._stop_write, b".")
        self._thread.join(timeout=5)
        for descriptor in (self._ours, self._theirs, self._stop_read, self._stop_write):
            os.close(descriptor)

    def _talk(self) -> None:
        cycle = 0
        while True:
            now = datetime.now(UTC) + timedelta(seconds=self.time_offset_s)
            # Where nobody reads the device, a real receiver's bytes are lost as well.
            with suppress(BlockingIOError):
                os.write(self._ours, burst(self.feed, now))
            cycle += 1
            if self._stopped_within(_FIRST_CYCLES_S if cycle < _FIRST_CYCLES else _CYCLE_S):
                return

    def _stopped_within(self, seconds: float) -> bool:
        """Waits for the next cycle; what gpsd sends to the receiver is read and dropped."""
        deadline = time.monotonic() + seconds
        while (left_s := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._stop_read, self._ours], [], [], left_s)
            if self._stop_read in ready:
                return True
            if self._ours in ready:
                os.read(self._ours, 4096)
        return False


class Gpsd:
    """The real gpsd of one host, on a loopback port of its own."""

    def __init__(self, folder: Path, reaper: Reaper, feed: GpsFeed) -> None:
        self._folder = folder
        self._reaper = reaper
        self.feed = feed
        self.port = free_tcp_port("127.0.0.1")
        self._receiver: Receiver | None = None
        self._daemon: Daemon | None = None

    def start(self) -> None:
        """Starts receiver and gpsd, without waiting. Does nothing where the feed is NONE."""
        if self._daemon is not None or self.feed not in GPSD_FEEDS:
            return
        self._receiver = Receiver(self.feed)
        options = ["-N", "-n", "-b", "-S", str(self.port), self._receiver.device]
        self._daemon = Daemon(
            "gpsd",
            [find_part("gpsd"), *options],
            log_path=self._folder / "gpsd.log",
            reaper=self._reaper,
            # Under its usual key it would take over the segment of the machine's own gpsd.
            env={**os.environ, "GPSD_SHM_KEY": str(EXPORT_KEYS[self.port])},
        )

    def wait_ready(self) -> None:
        """Waits until gpsd has our receiver and says what this feed leads to."""
        if self._daemon is not None:
            self._daemon.wait_ready(self._is_ready, f"{self.feed.value} on port {self.port}")

    def stop(self) -> None:
        """Stops gpsd and unplugs the receiver."""
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None

    def freeze(self) -> None:
        """Connections are taken and nothing is said on them."""
        self._running().freeze()

    def thaw(self) -> None:
        """Goes on after freeze()."""
        self._running().thaw()

    def change_feed(self, feed: GpsFeed) -> None:
        """The receiver says something else from the next cycle on; gpsd keeps running."""
        if self._receiver is None:
            raise RigError("no receiver is plugged in")
        self.feed = feed
        self._receiver.feed = feed

    def change_time_offset(self, time_offset_s: float) -> None:
        """The receiver's own UTC is wrong from the next cycle on; positive = ahead."""
        if self._receiver is None:
            raise RigError("no receiver is plugged in")
        self._receiver.time_offset_s = time_offset_s

    def _running(self) -> Daemon:
        if self._daemon is None:
            raise RigError("gpsd is not running")
        return self._daemon

    def _is_ready(self) -> bool:
        """Asks gpsd for its next reports; false while it is not there or not ready yet."""
        assert self._receiver is not None
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), 1.0)) as link:
                link.sendall(b'?WATCH={"enable":true,"json":true};\n')
                return self._reports_are_ready(link)
        except (ConnectionError, TimeoutError):
            return False

    def _reports_are_ready(self, link: socket.socket) -> bool:
        """True once the wanted mode came with its SKY, or the device alone where none will come."""
        assert self._receiver is not None
        wanted = FEED_MODES.get(self.feed)
        link.settimeout(3.0)
        last_mode = None
        with link.makefile("r", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                report: dict[str, Any] = json.loads(line)
                if report["class"] == "DEVICES" and wanted is None:
                    return any(d.get("path") == self._receiver.device for d in report["devices"])
                if report.get("device", self._receiver.device) != self._receiver.device:
                    raise RigError(f"port {self.port} is another gpsd's: {line}")
                if report["class"] == "TPV":
                    last_mode = report.get("mode")
                if report["class"] == "SKY" and last_mode == wanted:
                    return True
        return False
