"""A simulated sample becomes a judged one, as the checker's cycle makes it. Pure."""

from datetime import datetime, timedelta

from ntp_checker.demo.host import HostSpec
from ntp_checker.demo.printed import print_sample
from ntp_checker.model import JudgedSample, Sample, Status
from ntp_checker.rules.verdict import judge

#: Raw text goes with a sample now and then, and with every change of state.
RAW_EVERY = timedelta(minutes=1)
#: Of the past only the changes matter, and printing costs time.
RAW_EVERY_IN_THE_PAST = timedelta(days=1)


class Examiner:
    """Judges one host's samples, in order."""

    def __init__(self, spec: HostSpec, gps_interval_s: float, raw_every: timedelta) -> None:
        self._limits = spec.host.limits
        self._gps_interval_s = gps_interval_s if spec.receiver is not None else None
        self._raw_every = raw_every
        self._status: Status | None = None
        self._printed_at: datetime | None = None

    def judged(self, sample: Sample) -> JudgedSample:
        """The sample held against the host's limits, with its raw text where that is kept."""
        verdict = judge(sample, self._limits, self._gps_interval_s)
        is_due = self._printed_at is None or sample.slot_at - self._printed_at >= self._raw_every
        raw = None
        if is_due or verdict.status is not self._status:
            raw = print_sample(sample)
            self._printed_at = sample.slot_at
        self._status = verdict.status
        return JudgedSample(sample=sample, verdict=verdict, raw=raw)
