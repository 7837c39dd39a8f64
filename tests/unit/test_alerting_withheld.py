"""An alert of which everything told was held back: by a silence, or another alert."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ntp_checker.model import Acknowledgement, AlertState, TransitionKind
from ntp_checker.transitions import told_at_last, withheld
from tests.made_alerts import INTERVAL, OFFSET, WARNING_S, WatchedHost, offset
from tests.made_samples import NOW


def test_alert_when_withheld_then_never_reminded_of_by_itself() -> None:
    host = WatchedHost().opened()
    host.live[OFFSET] = withheld(host.alert)

    host.look(offset(WARNING_S), after=timedelta(hours=9))

    assert host.told == [TransitionKind.OPENED]


def test_alert_when_withheld_then_told_at_last_with_an_identity_of_its_own() -> None:
    host = WatchedHost().opened()
    step = told_at_last(withheld(host.alert), host.at + INTERVAL)

    assert step is not None
    alert, transition = step
    assert transition is not None
    assert (transition.kind, transition.ordinal) == (TransitionKind.REMINDED, 2)
    assert transition.event_id != host.transitions[0].event_id
    assert "until now; still open: clock is 20 ms ahead" in transition.reason
    assert alert.reminded_at == host.at + INTERVAL


@pytest.mark.parametrize(
    "changed",
    [
        {"reminded_at": NOW},
        {"state": AlertState.PENDING},
        {"state": AlertState.CLOSED},
        {"flapping_since_at": NOW},
        {"acknowledgement": Acknowledgement(by="ada", at=NOW)},
    ],
)
def test_alert_when_known_or_not_to_be_told_then_nothing_at_last(changed: dict[str, Any]) -> None:
    alert = replace(withheld(WatchedHost().opened().alert), **changed)

    assert told_at_last(alert, NOW) is None


def test_alert_when_withheld_and_its_acknowledgement_ends_then_told_at_last() -> None:
    taken = Acknowledgement(by="ada", at=NOW, until_at=NOW + INTERVAL)
    alert = replace(withheld(WatchedHost().opened().alert), acknowledgement=taken)

    assert told_at_last(alert, NOW + INTERVAL) is not None
