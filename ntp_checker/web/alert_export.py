"""Alerts as CSV: a page of them, or all that the filters match.

All are not held in memory, and no connection is held while a client reads: their numbers are read
at once, 8 bytes each, then the alerts little by little, each part in a transaction of its own. A list
that can't be read to its end says so in its last line, and breaks off.
"""

import csv
import errno
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import structlog
from flask import Response, request

from ntp_checker.errors import StoreError
from ntp_checker.store.alert_reads import AlertShown, read_numbered, read_numbers
from ntp_checker.store.reads import read_clock, reading
from ntp_checker.web.alert_arguments import read_alert_query
from ntp_checker.web.alert_views import notice_text
from ntp_checker.web.errors import Busy
from ntp_checker.web.format import format_iso
from ntp_checker.web.responses import request_id
from ntp_checker.web.services import Services

log = structlog.get_logger()

#: What the numbers of all alerts may take: a million take two seconds.
NUMBERS_LIMIT_S = 30.0
#: What one part of them may take.
PART_LIMIT_S = 10.0
#: Alerts that are in memory at once.
PART_ALERTS = 500

#: What a spreadsheet takes for a formula.
_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
_CSV_COLUMNS = (
    "alert_id",
    "host",
    "group",
    "code",
    "subject",
    "state",
    "severity",
    "last_good_slot_at",
    "first_bad_slot_at",
    "opened_at",
    "closed_at",
    "length_s",
    "value",
    "peak_value",
    "limit",
    "unit",
    "reason",
    "acknowledged_by",
    "acknowledged_at",
    "acknowledged_note",
    "silenced_until_at",
    "notices",
)


def export_alerts(services: Services) -> Response:
    """Every alert that the present request's filters match, as CSV.

    Raises Busy while others are written, BadArgument, and StoreError before the first byte.
    """
    if not services.exports.acquire(blocking=False):
        raise Busy("as many lists of alerts as allowed are being written")
    try:
        with reading(services.read_pool, limit_s=NUMBERS_LIMIT_S) as connection:
            now_at = read_clock(connection)
            query = read_alert_query(request.args.to_dict(flat=False), now_at)
            numbers = read_numbers(connection, query.wanted)
            first = read_numbered(connection, numbers[:PART_ALERTS], now_at)
        response = csv_response(_whole(services, numbers, first, now_at, request_id()))
    except BaseException:
        services.exports.release()
        raise
    response.call_on_close(services.exports.release)
    return response


def csv_response(lines: Iterable[str]) -> Response:
    """To be saved as a file."""
    response = Response(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="alerts.csv"'
    return response


def csv_lines(alerts: Iterable[AlertShown], now_at: datetime) -> Iterator[str]:
    """The alerts as CSV with a head; what a spreadsheet would take for a formula is text."""
    yield _csv_line(_CSV_COLUMNS)
    for alert in alerts:
        until_at = alert.closed_at or now_at
        taken_on = alert.acknowledgement
        values = {
            **{name: getattr(alert, name, None) for name in _CSV_COLUMNS},
            "length_s": round((until_at - alert.first_bad_slot_at).total_seconds(), 3),
            "acknowledged_by": taken_on and taken_on.by,
            "acknowledged_at": taken_on and taken_on.at,
            "acknowledged_note": taken_on and taken_on.note,
            "notices": "; ".join(notice_text(notice) for notice in alert.notices),
        }
        yield _csv_line([_cell(values[name]) for name in _CSV_COLUMNS])


def _whole(
    services: Services,
    numbers: Sequence[int],
    first: Sequence[AlertShown],
    now_at: datetime,
    request_number: str,
) -> Iterator[str]:
    """The alerts with these numbers, in their order, of which `first` are read already."""
    yield "".join(csv_lines(first, now_at))
    written = PART_ALERTS
    try:
        for begin in range(PART_ALERTS, len(numbers), PART_ALERTS):
            with reading(services.read_pool, limit_s=PART_LIMIT_S) as connection:
                part = read_numbered(connection, numbers[begin : begin + PART_ALERTS], now_at)
            _, *lines = csv_lines(part, now_at)  # without the head
            yield "".join(lines)
            written = begin + PART_ALERTS
    except StoreError as error:
        log.warning(
            "list of alerts cut short",
            request_id=request_number,
            written=written,
            alerts=len(numbers),
            error=str(error),
        )
        yield _csv_line(
            [f"CUT SHORT: {len(numbers) - written} more alerts could not be read; ask again"]
        )
        # The status is sent. As if the client had gone the server closes without the end that HTTP
        # wants, so that programs take the list for broken, too.
        raise ConnectionResetError(errno.ECONNRESET, "the list ends before its end") from error


def _csv_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return format_iso(value)
    if isinstance(value, str) and value.startswith(_FORMULA_BEGINS):
        return f"'{value}"
    return "" if value is None else value
