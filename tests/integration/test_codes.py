"""Numbers in sample rows become the words they stand for."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ntp_checker.model import OWN_CODES, FailureKind, GpsMode, Leap, Part, ProblemCode, Status
from ntp_checker.resources import sql_path
from ntp_checker.store import codes

SCHEMA = sql_path("schema.sql")
MakeDatabase = Callable[..., str]
Conn = psycopg.Connection[tuple[Any, ...]]


def test_bits_of_each_problem_code_become_its_word(conn: Conn) -> None:
    for code in codes.PROBLEM_BIT:
        found = conn.execute(
            "SELECT metrics.problem_words(%s)", (codes.problem_bits([code]),)
        ).fetchone()
        assert found == ([code.value],)


def test_bits_of_all_codes_fit_and_differ() -> None:
    of_no_look = OWN_CODES | {ProblemCode.DISAGREES_WITH_FLEET}
    assert set(codes.PROBLEM_BIT) == set(ProblemCode) - of_no_look
    assert sorted(codes.PROBLEM_BIT.values()) == list(range(len(codes.PROBLEM_BIT)))
    assert codes.problem_bits(codes.PROBLEM_BIT) < 2**63


@pytest.mark.parametrize(
    ("column", "members", "numbers"),
    [
        ("status", Status, codes.STATUS_NUMBER),
        ("failure_part", Part, codes.PART_NUMBER),
        ("failure_kind", FailureKind, codes.FAILURE_KIND_NUMBER),
        ("leap", Leap, codes.LEAP_NUMBER),
        ("gps_mode", GpsMode, codes.GPS_MODE_NUMBER),
    ],
)
def test_number_of_each_word_becomes_that_word_in_the_view(
    conn: Conn, column: str, members: Any, numbers: dict[Any, int]
) -> None:
    assert set(numbers) == set(members)
    host = conn.execute(
        "INSERT INTO metrics.host (name, target, role, has_gps)"
        " VALUES ('h', 'h', 'server', 'no') RETURNING host_id"
    ).fetchone()
    assert host
    insert = sql.SQL(
        "INSERT INTO metrics.ntp_parent (host_id, slot_at, warning_bits, critical_bits, {})"
        " VALUES (%s, date_trunc('day', now()) + %s * interval '1 s', 0, 0, {})"
    )
    chosen = sql.Identifier(column)
    for member in members:
        # status may not be missing
        names = chosen if column == "status" else sql.SQL("{}, status").format(chosen)
        values = sql.SQL("%s" if column == "status" else "%s, 0")
        conn.execute(insert.format(names, values), (host[0], numbers[member], numbers[member]))

    seen = conn.execute(
        sql.SQL(
            "SELECT {} FROM metrics.ntp WHERE slot_at > now() - interval '2 days' ORDER BY slot_at"
        ).format(chosen)
    ).fetchall()

    in_order = sorted(members, key=numbers.__getitem__)
    assert seen == [(member.value,) for member in in_order]


def test_number_that_is_no_word_is_refused(conn: Conn) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(
            "INSERT INTO metrics.ntp_parent (host_id, slot_at, warning_bits, critical_bits,"
            " status) VALUES (1, now(), 0, 0, 4)"
        )
