"""The mark of a data folder whose samples come from no real host.

It lies in the folder itself: whoever opens its database later is told, too.
"""

from pathlib import Path

_MARK = "SIMULATED.txt"
_TEXT = """\
Everything in this folder is simulated: made by `ntp-checker demo`, and deleted when that starts.
"""


def mark_simulated(data_dir: Path) -> None:
    """Afterwards `is_simulated` is true of this folder."""
    (data_dir / _MARK).write_text(_TEXT, encoding="utf-8")


def is_simulated(data_dir: Path) -> bool:
    """True if this folder's samples come from no real host."""
    return (data_dir / _MARK).is_file()
