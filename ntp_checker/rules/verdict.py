"""judge: one sample held against one host's limits."""

from ntp_checker.model import Limits, Sample, Status, Verdict, worst_status
from ntp_checker.rules.clock import error_bound_s, judge_clock
from ntp_checker.rules.gps import judge_gps
from ntp_checker.rules.look import judge_look
from ntp_checker.rules.sources import judge_sources


def judge(sample: Sample, limits: Limits, gps_interval_s: float | None) -> Verdict:
    """A Judgement for every rule that had data, and the status they make together.

    `gps_interval_s` is the rhythm GPS is read in, in seconds; None where the host is not known to
    have GPS, and then nothing about GPS is judged.
    """
    judgements = [
        *judge_look(sample),
        *judge_clock(sample, limits),
        *judge_sources(sample, limits),
    ]
    if gps_interval_s is not None:
        judgements += judge_gps(sample, limits, gps_interval_s)
    tracking = sample.tracking
    statuses = [judgement.status for judgement in judgements]
    return Verdict(
        status=worst_status(statuses) if statuses else Status.UNKNOWN,
        error_bound_s=error_bound_s(tracking) if tracking is not None else None,
        judgements=tuple(judgements),
    )
