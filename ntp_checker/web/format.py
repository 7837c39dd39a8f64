"""Numbers as people read them: three digits and a unit, ages in words. Pure."""

from datetime import UTC, datetime

MISSING = "\N{EM DASH}"
_MINUS = "\N{MINUS SIGN}"
_NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"

_DURATION_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "\N{MICRO SIGN}s"), (1e-9, "ns"))
_AGE_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
#: the figure that would print as 1000 of a unit belongs to the next larger one
_ROUNDS_UP_AT = 0.9995


def format_seconds(value_s: float | None) -> str:
    """A length of time with three significant digits in s, ms, µs or ns; a dash for None."""
    if value_s is None:
        return MISSING
    size_s = abs(value_s)
    if size_s < 0.5e-9:
        return f"0{_NARROW_SPACE}ns"
    scale_s, unit = next(
        (pair for pair in _DURATION_UNITS if size_s >= pair[0] * _ROUNDS_UP_AT),
        _DURATION_UNITS[-1],
    )
    sign = _MINUS if value_s < 0 else ""
    return f"{sign}{_three_digits(size_s / scale_s)}{_NARROW_SPACE}{unit}"


def format_number(value: float | None) -> str:
    """A count or a figure without a unit, four significant digits at most; a dash for None."""
    return MISSING if value is None else f"{value:.4g}".replace("-", _MINUS)


def format_offset(offset_s: float | None) -> str:
    """An offset with its sign always shown: `+` is a clock ahead of NTP time."""
    text = format_seconds(offset_s)
    return f"+{text}" if offset_s is not None and offset_s >= 0.5e-9 else text


def format_age(age_s: float | None) -> str:
    """An age in one unit, rounded down: `12 s`, `4 min`, `3 h`, `2 d`; a dash for None."""
    if age_s is None:
        return MISSING
    whole_s = max(0, int(age_s))
    for scale_s, unit in _AGE_UNITS:
        if whole_s >= scale_s * (2 if unit == "min" else 1):
            return f"{whole_s // scale_s}{_NARROW_SPACE}{unit}"
    return f"{whole_s}{_NARROW_SPACE}s"


def format_moment(moment_at: datetime | None) -> str:
    """A moment in UTC to the second, marked as such; a dash for None."""
    if moment_at is None:
        return MISSING
    return moment_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def format_iso(moment_at: datetime) -> str:
    """ISO 8601 with microseconds and Z, as everywhere in the JSON."""
    text = moment_at.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def _three_digits(value: float) -> str:
    """Three significant digits, never in powers of ten: 1.23, 12.3, 123, 1234."""
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"
