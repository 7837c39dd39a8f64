"""/api over a real PostgreSQL: the newest samples, and offsets over time."""

import gzip
import json
import statistics
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from tests.fleet_rows import (
    FleetHost,
    add_host,
    gps_report,
    make_partitions,
    put_samples,
    wandering_offsets,
)

Connection = psycopg.Connection[tuple[Any, ...]]


def latest_of(client: FlaskClient, name: str, view: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/latest{view}")
    assert answer.status_code == 200
    return next(host for host in answer.json["hosts"] if host["host"] == name)


def series_of(client: FlaskClient, query: str) -> dict[str, Any]:
    answer = client.get(f"/api/offset?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json["series"][0]


def test_latest_when_read_then_the_sample_with_age_and_lists(
    client: FlaskClient, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="gps1", source="PPS", gps=gps_report("fix_3d", 11, 16)))

    host = latest_of(client, "gps1")

    assert list(host)[:3] == ["host", "slot_at", "taken_at"]
    assert host["status"] == "ok"
    assert host["tracking"]["system_offset_s"] == 12.3e-6
    assert [source["state"] for source in host["sources"]] == ["selected", "combined"]
    assert [satellite["svid"] for satellite in host["gps"]["satellites"]] == [1, 2, 3]
    assert 5 <= host["age_s"] < 30
    assert host["stale"] is False


def test_latest_when_summary_then_without_sources_and_satellites(
    client: FlaskClient, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="gps1", gps=gps_report("fix_3d", 11, 16)))

    host = latest_of(client, "gps1", "?view=summary")

    assert "sources" not in host
    assert "satellites" not in host["gps"]
    assert host["gps"]["satellites_used"] == 11


@pytest.mark.parametrize(
    ("interval_s", "age_s", "stale"),
    [(30.0, 60.0, False), (30.0, 100.0, True), (300.0, 600.0, False), (None, 100.0, True)],
)
def test_latest_when_older_than_three_of_its_own_intervals_then_stale(
    client: FlaskClient, conn: Connection, interval_s: float | None, age_s: float, stale: bool
) -> None:
    add_host(conn, FleetHost(name="a", interval_s=interval_s, age_s=age_s))

    assert latest_of(client, "a")["stale"] is stale


def test_latest_when_nobody_looked_yet_then_the_host_is_unknown_and_stale(
    client: FlaskClient, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="new", age_s=None))

    host = latest_of(client, "new")

    assert (host["status"], host["stale"], host["age_s"]) == ("unknown", True, None)
    assert host["slot_at"] is None


def test_latest_when_a_host_was_removed_then_not_shown(
    client: FlaskClient, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="gone"))
    conn.execute("UPDATE metrics.host SET removed_at = now() WHERE name = 'gone'")

    assert client.get("/api/latest").json["hosts"] == []


@pytest.mark.parametrize("offset_s", [0.25, -0.25])
def test_offset_when_a_clock_is_ahead_or_behind_then_its_sign_stays(
    client: FlaskClient, conn: Connection, offset_s: float
) -> None:
    host_id = add_host(conn, FleetHost(name="a"))
    put_samples(conn, host_id, {datetime.now(UTC) - timedelta(minutes=5): offset_s})

    one = series_of(client, "host=a")

    assert [value for value in one["p50"] if value is not None] == [round(offset_s * 1e9)]


def test_offset_when_read_then_figures_are_those_of_the_bucket(
    client: FlaskClient, conn: Connection
) -> None:
    bucket_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    offsets_s = [3e-6, -1e-6, 7e-6, 4e-6, 2e-6, -5e-6]
    slots = {bucket_at + timedelta(seconds=10 * k): value for k, value in enumerate(offsets_s)}
    put_samples(conn, add_host(conn, FleetHost(name="a")), slots)

    one = series_of(client, "host=a")
    at = one["t"].index(int(bucket_at.timestamp()))

    cuts = statistics.quantiles(
        [round(value * 1e9) for value in offsets_s], n=100, method="inclusive"
    )
    assert one["n"][at] == 6
    assert one["mean"][at] == round(statistics.fmean(offsets_s) * 1e9)
    assert (one["min"][at], one["max"][at]) == (-5000, 7000)
    assert one["stddev"][at] == round(statistics.stdev(offsets_s) * 1e9)
    found = [one[name][at] for name in ("p01", "p05", "p50", "p95", "p99")]
    assert found == [round(cuts[percent - 1]) for percent in (1, 5, 50, 95, 99)]


def test_offset_when_nothing_was_read_then_null_and_columns_of_one_length(
    client: FlaskClient, conn: Connection
) -> None:
    host_id = add_host(conn, FleetHost(name="a"))
    put_samples(conn, host_id, {datetime.now(UTC) - timedelta(hours=3): 1e-6})

    one = series_of(client, "host=a")

    columns = [value for value in one.values() if isinstance(value, list)]
    assert {len(column) for column in columns} == {1440}
    assert one["p50"].count(None) == 1439
    assert sum(one["n"]) == 1
    assert one["stddev"].count(None) == 1440


def test_offset_when_the_clock_is_not_set_then_its_zero_is_a_gap(
    client: FlaskClient, conn: Connection
) -> None:
    host_id = add_host(conn, FleetHost(name="a"))
    put_samples(conn, host_id, {datetime.now(UTC) - timedelta(minutes=5): None})

    assert set(series_of(client, "host=a")["p50"]) == {None}


def test_offset_when_no_host_is_named_then_one_series_of_all_readings(
    client: FlaskClient, conn: Connection
) -> None:
    slot_at = datetime.now(UTC) - timedelta(minutes=5)
    for name, offset_s in (("a", 1e-6), ("b", 3e-6), ("c", 9e-6)):
        put_samples(conn, add_host(conn, FleetHost(name=name)), {slot_at: offset_s})

    one = series_of(client, "range=24h")

    assert one["host"] is None
    assert [value for value in one["p50"] if value is not None] == [3000]
    assert max(one["n"]) == 3


def test_offset_when_several_hosts_are_named_then_in_their_order(
    client: FlaskClient, conn: Connection
) -> None:
    for name in ("a", "b", "c"):
        add_host(conn, FleetHost(name=name))

    answer = client.get("/api/offset?host=c&host=a")

    assert [one["host"] for one in answer.json["series"]] == ["c", "a"]


@pytest.mark.parametrize(
    ("name", "days", "resolution_s"), [("24h", 1, 60), ("14d", 14, 1800), ("90d", 90, 7200)]
)
def test_offset_when_a_range_is_asked_for_then_data_from_all_of_it(
    client: FlaskClient, conn: Connection, name: str, days: int, resolution_s: int
) -> None:
    now_at = datetime.now(UTC)
    first_at = now_at - timedelta(days=days) + timedelta(seconds=2 * resolution_s)
    make_partitions(conn, first_at)
    offsets: dict[datetime, float | None] = {first_at: 1e-6, now_at - timedelta(seconds=30): 2e-6}
    put_samples(conn, add_host(conn, FleetHost(name="a")), offsets)

    answer = client.get(f"/api/offset?range={name}&host=a").json

    assert (answer["range"], answer["unit"]) == (name, "ns")
    assert answer["resolution_s"] == resolution_s
    assert [value for value in answer["series"][0]["p50"] if value is not None] == [1000, 2000]


def test_offset_when_a_host_is_unknown_then_404_as_json(quiet_client: FlaskClient) -> None:
    answer = quiet_client.get("/api/offset?host=nobody")

    assert (answer.status_code, answer.json["error"]["code"]) == (404, "unknown_host")


@pytest.mark.parametrize(
    "query",
    [
        "range='; DROP TABLE metrics.host; --",
        "max_points=-1",
        "from=now()",
        "host=%00",
        "to=%ff%fe",
        "range=24h&range=24h",
        "unknown=1",
        "from=2026-01-01T00:00:00Z&to=2000-01-01T00:00:00Z",
    ],
)
def test_offset_when_an_argument_is_hostile_then_400_as_json(
    quiet_client: FlaskClient, query: str
) -> None:
    answer = quiet_client.get(f"/api/offset?{query}")

    assert answer.status_code == 400
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message"}


@pytest.mark.parametrize("name", ["'; DROP TABLE metrics.host; --", "a' OR '1'='1", "../../etc"])
def test_offset_when_a_name_is_hostile_then_only_unknown(
    quiet_client: FlaskClient, name: str
) -> None:
    assert quiet_client.get("/api/offset", query_string={"host": name}).status_code == 404


def test_answer_when_gzip_is_accepted_then_smaller_and_the_same(
    client: FlaskClient, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="a"))
    plain = client.get("/api/offset?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z")
    packed = client.get(
        "/api/offset?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
        headers={"Accept-Encoding": "gzip"},
    )

    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.data))["series"] == plain.json["series"]
    assert len(packed.data) < len(plain.data) / 3


def test_offset_when_90_days_of_one_host_then_body_within_its_budget(
    client: FlaskClient, conn: Connection
) -> None:
    until_at = datetime.now(UTC)
    make_partitions(conn, until_at - timedelta(days=91))
    offsets = wandering_offsets(
        until_at=until_at, length=timedelta(days=90), interval_s=600, size_s=5e-5, seed=1
    )
    put_samples(conn, add_host(conn, FleetHost(name="a")), offsets)

    answer = client.get("/api/offset?range=90d&host=a", headers={"Accept-Encoding": "gzip"})

    assert len(gzip.decompress(answer.data)) > 60_000
    assert len(answer.data) <= 60 * 1024


def test_offset_when_it_takes_too_long_then_503_and_the_database_is_free(
    client: FlaskClient, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.web.api.CHART_LIMIT_S", 0.3)
    conn.autocommit = False
    conn.execute("LOCK TABLE metrics.ntp_parent IN ACCESS EXCLUSIVE MODE")

    answer = client.get("/api/offset")
    conn.rollback()

    assert (answer.status_code, answer.json["error"]["code"]) == (503, "too_slow")
    assert client.get("/api/offset").status_code == 200
