"""Real monitored hosts for tests: sshd, chronyd and gpsd, without root and without installing."""

from tests.rig.chrony import ChronyState, References
from tests.rig.faulty_link import Cut, FaultyLink
from tests.rig.faulty_server import FaultyServer, ServerFault
from tests.rig.host import ChronyAccess, RigHost
from tests.rig.nmea import GpsFeed
from tests.rig.ntp_servers import LeapBits, NtpReply, NtpServers
from tests.rig.processes import RigError, wait_until
from tests.rig.rig import Rig
from tests.rig.session import run_on

__all__ = [
    "ChronyAccess",
    "ChronyState",
    "Cut",
    "FaultyLink",
    "FaultyServer",
    "GpsFeed",
    "LeapBits",
    "NtpReply",
    "NtpServers",
    "References",
    "Rig",
    "RigError",
    "RigHost",
    "ServerFault",
    "run_on",
    "wait_until",
]
