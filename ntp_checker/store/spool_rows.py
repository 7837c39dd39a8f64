"""Spooled samples, as they come out of the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ntp_checker.codec import decode
from ntp_checker.empty_slot import empty_slot
from ntp_checker.model import FailureKind, JudgedSample
from ntp_checker.store.spool_times import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolRow:
    """One spooled sample, as bytes of the codec."""

    row_id: int
    host: str
    slot_at: datetime
    lease_epoch: int
    payload: bytes  #: empty where the sample was thinned out

    def read(self) -> JudgedSample:
        """The row's sample; one that was thinned out is `dropped`.

        Raises ValueError if the payload is damaged or not this slot's.
        """
        if not self.payload:
            reason = "the spool was nearly full"
            return empty_slot(self.host, self.slot_at, FailureKind.DROPPED, reason)
        judged = decode(self.payload)
        if (judged.sample.host, judged.sample.slot_at) != (self.host, self.slot_at):
            raise ValueError("the payload is of another host or slot")
        return judged

    def read_anyway(self) -> JudgedSample:
        """The same; one that can't be read is `rejected`, as it will be in the database."""
        try:
            return self.read()
        except ValueError as err:
            return empty_slot(self.host, self.slot_at, FailureKind.REJECTED, str(err))


def row_from(columns: Sequence[Any]) -> SpoolRow:
    """A row from its columns, in the order `spool.sql` names them."""
    row_id, host, slot_us, lease_epoch, payload = columns
    return SpoolRow(
        row_id=row_id,
        host=host,
        slot_at=moment(slot_us),
        lease_epoch=lease_epoch,
        payload=payload,
    )
