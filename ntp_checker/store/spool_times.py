"""Moments as the spool has them: whole microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """The moment as the file has it."""
    return (at - _EPOCH) // _MICROSECOND


def moment(us: int) -> datetime:
    """The moment that the file has as this; aware, UTC."""
    return _EPOCH + us * _MICROSECOND
