"""`python -m tests.rig`: real hosts to try the product on, until Ctrl-C or SIGTERM."""

import argparse
import shlex
import signal
import sys
from typing import NoReturn

from tests.rig.packages import PartMissingError
from tests.rig.processes import RigError
from tests.rig.rig import Rig


def main() -> int:
    """Starts healthy hosts, prints the settings that watch them, and waits."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description=__doc__)
    parser.add_argument("--hosts", type=int, default=1, help="how many; the first has a GPS (1)")
    parser.add_argument(
        "--print-env", action="store_true", help="print only the export lines, for eval"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        with Rig() as rig:
            targets = ",".join(host.target for host in rig.fleet(options.hosts))
            for key, value in {"NTP_CHECKER_HOSTS": targets, **rig.env()}.items():
                print(f"export {key}={shlex.quote(value)}")
            if not options.print_env:
                print(f"# {len(rig.hosts)} running; Ctrl-C ends them", file=sys.stderr)
            sys.stdout.flush()
            while True:
                signal.pause()
    except KeyboardInterrupt:
        return 0
    except (PartMissingError, RigError) as err:
        print(err, file=sys.stderr)
        return 1


def _leave(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
