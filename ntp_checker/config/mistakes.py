"""Everything that is wrong with the settings, collected so that it is told in one go."""

from ntp_checker.errors import ConfigError

#: Nobody reads further; ten thousand hosts with one mistake each would fill a log.
MAX_TOLD = 100
_MAX_SHOWN_CHARS = 60


def shown(text: str) -> str:
    """A piece of the user's text for one line of ours: short, quoted, nothing unprintable."""
    if len(text) > _MAX_SHOWN_CHARS:
        text = text[: _MAX_SHOWN_CHARS - 3] + "..."
    return repr(text)


class Mistakes:
    """Collects sentences; those of the file are told in the order of its lines."""

    def __init__(self) -> None:
        self._elsewhere: list[str] = []
        self._in_file: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._elsewhere) + len(self._in_file)

    def add(self, text: str) -> None:
        """A mistake that is in no file: the text names the variable."""
        self._elsewhere.append(text)

    def add_in_file(self, line: int, text: str) -> None:
        """A mistake of the settings file; the text begins with `file:line: key: `."""
        if (line, text) not in self._in_file[-1:]:
            self._in_file.append((line, text))

    def lines(self) -> list[str]:
        """One sentence each, without repetitions."""
        in_file = [text for _, text in sorted(self._in_file, key=lambda entry: entry[0])]
        return list(dict.fromkeys(self._elsewhere + in_file))

    def raise_if_any(self) -> None:
        """Raises ConfigError with all of them, one a line."""
        lines = self.lines()
        if len(lines) > MAX_TOLD:
            lines[MAX_TOLD:] = [f"and {len(lines) - MAX_TOLD} more mistakes"]
        if lines:
            raise ConfigError("\n".join(lines))
