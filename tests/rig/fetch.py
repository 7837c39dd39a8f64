"""`python -m tests.rig.fetch [PROGRAM...]`: the real parts ahead of time, and where they are."""

import sys

from tests.rig.packages import PartMissingError
from tests.rig.parts import PARTS, find_part


def main(programs: list[str]) -> int:
    """Fetches the named programs, or all; 1 if one can't be had."""
    failed = False
    for program in programs or list(PARTS):
        if program not in PARTS:
            print(f"{program}: not a known part; known: {', '.join(PARTS)}", file=sys.stderr)
            return 2
        try:
            print(f"{program}: {find_part(program)}", flush=True)
        except PartMissingError as err:
            print(err, file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
