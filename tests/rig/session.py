"""Commands on a rig's host, by the plain OpenSSH client: what the host is like for a stranger."""

import subprocess

from tests.rig.host import RigHost
from tests.rig.parts import find_part
from tests.rig.rig import Rig

_SSH_S = 30
#: Exit status of ssh itself when there was no session. Source: ssh(1).
SSH_FAILED = 255


def run_on(rig: Rig, host: RigHost, command: str) -> subprocess.CompletedProcess[str]:
    """Runs one command over SSH with the rig's key, known_hosts and nothing else."""
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(rig.known_hosts_path),
        "GlobalKnownHostsFile": "/dev/null",
    }
    flags = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    login = ["-i", str(rig.ssh_key_path), "-p", str(host.port), f"{host.user}@{host.address}"]
    return subprocess.run(
        [find_part("ssh"), "-F", "/dev/null", *flags, *login, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SSH_S,
    )
