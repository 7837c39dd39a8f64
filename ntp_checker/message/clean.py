"""Words that came from a host, a provider or a person, made fit for a line of a message."""

import unicodedata

#: Format characters (bidi controls, zero width) and halves of surrogate pairs say nothing good.
_DROPPED = ("Cf", "Cs", "Cn", "Co")
#: Controls, line and paragraph separators part words.
_SPACES = ("Cc", "Zl", "Zp")
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
#: More than this is never looked at, however long the text is.
_READ_RATIO = 4


def clean_line(text: str, *, max_chars: int = 300) -> str:
    """One line without control, bidi and invisible characters; cut to `max_chars` with "…"."""
    read = text[: max_chars * _READ_RATIO]
    words = "".join(_clean_character(character) for character in read).split()
    line = " ".join(words)
    if len(line) <= max_chars and len(read) == len(text):
        return line
    return line[: max_chars - 1].rstrip() + _ELLIPSIS


def clean_text(text: str, *, max_chars: int = 2_000) -> str:
    """As clean_line, but the text's own lines stay lines."""
    lines = (clean_line(line, max_chars=max_chars) for line in text[:max_chars].splitlines())
    return "\n".join(line for line in lines if line)


def _clean_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in _DROPPED:
        return ""
    return " " if category in _SPACES else character
