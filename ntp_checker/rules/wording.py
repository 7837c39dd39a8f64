"""Numbers as people read them: one unit, three significant digits."""

_TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def say_seconds(seconds: float) -> str:
    """A length of time, sign dropped: "250 ms", "3.1 µs", "2 h 5 min"."""
    size = abs(seconds)
    if size >= 120:
        return _say_long(size)
    for scale, unit in _TIME_UNITS:
        # 999.6 µs would round to "1000 µs": let the larger unit have it.
        if size >= 0.9995 * scale:
            return f"{_three_digits(size / scale)} {unit}"
    return f"{_three_digits(size / 1e-9)} ns" if size else "0 s"


def _say_long(seconds: float) -> str:
    minutes, hours, days = round(seconds / 60), seconds / 3600, seconds / 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{days:,.0f} days"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:.0f}"
    text = f"{number:.3g}"
    return text if "e" not in text else f"{number:f}"


def say_clock_offset(offset_s: float) -> str:
    """Which way and how far: "250 ms ahead", "3.1 µs behind"."""
    if offset_s == 0:
        return "exact"
    return f"{say_seconds(offset_s)} {'ahead' if offset_s > 0 else 'behind'}"
