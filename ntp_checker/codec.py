"""A judged sample as bytes for the spool, and as the JSON that users see.

The bytes are JSON, so that a spool can be read with sqlite3 and jq. They carry what the JSON for
users leaves out: the good judgements, and each field under its type's own name.
"""

from datetime import UTC, datetime
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ntp_checker.model import (
    Failure,
    GpsDevice,
    GpsReport,
    JudgedSample,
    Judgement,
    Satellite,
    Source,
    Tracking,
)

# The one-tuple is there because pydantic takes a config only for types that are no dataclass.
# NaN and infinity are written as words, and refused on the way back: not turned into a null.
_adapter: TypeAdapter[tuple[JudgedSample]] = TypeAdapter(
    tuple[JudgedSample],
    config=ConfigDict(allow_inf_nan=False, ser_json_inf_nan="strings", extra="forbid"),
)


def encode(judged: JudgedSample) -> bytes:
    """The sample as UTF-8 JSON for the spool.

    Raises ValueError for text that UTF-8 cannot carry (a lone surrogate).
    """
    try:
        return _adapter.dump_json((judged,))
    except PydanticSerializationError as err:
        raise ValueError(f"sample of {judged.sample.host!a} cannot be written: {err}") from err


def decode(payload: bytes) -> JudgedSample:
    """The sample that `encode` wrote.

    Raises ValueError if these are not its bytes, or if a number is NaN or infinite.
    """
    try:
        return _adapter.validate_json(payload)[0]
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"][1:])
        raise ValueError(f"{where or 'payload'}: {first['msg']}") from err


def contract(judged: JudgedSample) -> dict[str, Any]:
    """The JSON object of one sample as the API, `check --json` and `latest` show it.

    Units are in the keys, times are ISO 8601 with Z and microseconds, missing is None.
    """
    sample, verdict = judged.sample, judged.verdict
    shown: dict[str, Any] = {
        "host": sample.host,
        "slot_at": _time(sample.slot_at),
        "taken_at": _time(sample.taken_at),
        "duration_s": sample.duration_s,
        "host_time_at": _time(sample.host_time_at),
        "status": verdict.status.value,
        "error_bound_s": verdict.error_bound_s,
        "failures": [_failure(failure) for failure in sample.failures],
        "problems": [_problem(judgement) for judgement in verdict.problems],
        "tracking": None if sample.tracking is None else _tracking(sample.tracking),
        "sources": None
        if sample.sources is None
        else [_source(source) for source in sample.sources],
        "gps": None if sample.gps is None else _gps(sample.gps),
    }
    if len(sample.gps_devices) > 1:
        shown["gps_devices"] = [_gps_device(device) for device in sample.gps_devices]
    return shown


def _time(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z; six digits always, so that texts sort as their times do."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "part": failure.part.value,
        "kind": failure.kind.value,
        "stage": failure.stage,
        "detail": failure.detail,
    }


def _problem(judgement: Judgement) -> dict[str, Any]:
    return {
        "code": judgement.code.value,
        "subject": judgement.subject,
        "severity": None if judgement.severity is None else judgement.severity.value,
        "value": judgement.value,
        "limit": judgement.limit,
        "unit": judgement.unit,
        "text": judgement.text,
    }


def _tracking(tracking: Tracking) -> dict[str, Any]:
    return {
        "refid": tracking.refid,
        "ref_name": tracking.ref_name,
        "stratum": tracking.stratum,
        "ref_time": _time(tracking.ref_time),
        "system_offset_s": tracking.system_offset_s,
        "last_offset_s": tracking.last_offset_s,
        "rms_offset_s": tracking.rms_offset_s,
        "freq_ppm": tracking.freq_ppm,
        "resid_freq_ppm": tracking.resid_freq_ppm,
        "skew_ppm": tracking.skew_ppm,
        "root_delay_s": tracking.root_delay_s,
        "root_dispersion_s": tracking.root_dispersion_s,
        "update_interval_s": tracking.update_interval_s,
        "leap": tracking.leap.value,
    }


def _source(source: Source) -> dict[str, Any]:
    return {
        "mode": source.mode.value,
        "state": source.state.value,
        "address": source.address,
        "stratum": source.stratum,
        "poll_log2_s": source.poll_log2_s,
        "reach": source.reach,
        "last_rx_s": source.last_rx_s,
        "offset_s": source.offset_s,
        "measured_offset_s": source.measured_offset_s,
        "error_s": source.error_s,
        "std_dev_s": source.std_dev_s,
        "samples": source.samples,
        "selection": source.selection,
    }


def _gps(report: GpsReport) -> dict[str, Any]:
    return {
        "device": report.device,
        "taken_at": _time(report.taken_at),
        "age_s": report.age_s,
        "mode": report.mode.value,
        "time": _time(report.time),
        "time_lag_s": report.time_lag_s,
        "satellites_used": report.satellites_used,
        "satellites_seen": report.satellites_seen,
        "hdop": report.hdop,
        "tdop": report.tdop,
        "satellites": [_satellite(satellite) for satellite in report.satellites],
    }


def _satellite(satellite: Satellite) -> dict[str, Any]:
    return {
        "gnssid": satellite.gnssid,
        "svid": satellite.svid,
        "used": satellite.used,
        "snr_dbhz": satellite.snr_dbhz,
        "elevation_deg": satellite.elevation_deg,
        "azimuth_deg": satellite.azimuth_deg,
    }


def _gps_device(device: GpsDevice) -> dict[str, Any]:
    return {
        "device": device.device,
        "mode": device.mode.value,
        "time": _time(device.time),
        "time_lag_s": device.time_lag_s,
        "satellites_used": device.satellites_used,
        "satellites_seen": device.satellites_seen,
    }
