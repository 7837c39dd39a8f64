"""Single fields of untrusted text: plain ASCII, finite, inside a declared range."""

import re
from datetime import UTC, datetime

from ntp_checker.errors import MalformedOutput

# Python's own float() and int() also take "1_000", "nan", "inf" and other scripts' digits.
_FLOAT = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_INT = re.compile(r"[+-]?[0-9]{1,20}")
_PRINTABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")

#: Longest time we take for real, either sign: a clock that starts in 1970 is 1.8e9 s behind.
MAX_SECONDS = 5e9
#: 9999-12-31; later than any clock we can show.
MAX_EPOCH_S = 253_402_300_799.0


def parse_float(field: str, text: str, low: float, high: float) -> float:
    """A decimal number, `low` <= it <= `high`. Raises MalformedOutput."""
    if not _FLOAT.fullmatch(text):
        raise MalformedOutput(field, text)
    number = float(text)
    if not low <= number <= high:
        raise MalformedOutput(field, text)
    return number


def parse_signed_s(field: str, text: str) -> float:
    """Seconds, either sign. Raises MalformedOutput."""
    return parse_float(field, text, -MAX_SECONDS, MAX_SECONDS)


def parse_unsigned_s(field: str, text: str) -> float:
    """Seconds, 0 or more. Raises MalformedOutput."""
    return parse_float(field, text, 0.0, MAX_SECONDS)


def parse_int(field: str, text: str, low: int, high: int) -> int:
    """A decimal whole number, `low` <= it <= `high`. Raises MalformedOutput."""
    if not _INT.fullmatch(text):
        raise MalformedOutput(field, text)
    number = int(text)
    if not low <= number <= high:
        raise MalformedOutput(field, text)
    return number


def parse_epoch(field: str, text: str) -> datetime | None:
    """Seconds since 1970 UTC as a datetime; exactly 0 means "never" and gives None.

    Kept to the microsecond. Raises MalformedOutput.
    """
    epoch_s = parse_float(field, text, 0.0, MAX_EPOCH_S)
    return datetime.fromtimestamp(epoch_s, UTC) if epoch_s > 0 else None


def parse_word(field: str, text: str, max_length: int = 255) -> str:
    """Printable ASCII, not empty, no blanks at its ends. Raises MalformedOutput."""
    if len(text) > max_length or not _PRINTABLE.fullmatch(text):
        raise MalformedOutput(field, text)
    return text


def decode_ascii(field: str, output: bytes) -> str:
    """Program output as text; chronyc prints nothing but ASCII. Raises MalformedOutput."""
    try:
        return output.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedOutput(field, output[:80].decode("ascii", "backslashreplace")) from None
