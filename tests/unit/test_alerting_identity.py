"""The identity of a transition, on which "told once" rests."""

from datetime import timedelta, timezone
from uuid import UUID

import pytest

from ntp_checker.model import AlertKey, ProblemCode, TransitionKind
from ntp_checker.transitions import event_id
from tests.made_alerts import OFFSET
from tests.made_samples import NOW

OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED


@pytest.mark.parametrize(
    ("key", "kind", "ordinal", "known"),
    [
        (OFFSET, OPENED, 1, "9d3d432e-2740-5810-81b7-69d86a0a56c2"),
        (OFFSET, RESOLVED, 2, "c51b1e3a-1e80-5a6a-be2c-c1e9ab5757b2"),
        (
            AlertKey(host='a"b', code=ProblemCode.FALSETICKER, subject="2001:db8::1"),
            OPENED,
            1,
            "675d0b89-1a90-5a62-aff5-d3bac66d0d88",
        ),
    ],
)
def test_event_id_when_made_then_as_it_always_was(
    key: AlertKey, kind: TransitionKind, ordinal: int, known: str
) -> None:
    assert event_id(key, NOW, kind, ordinal) == UUID(known)


def test_event_id_when_time_is_in_another_zone_then_same() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert event_id(OFFSET, elsewhere, OPENED, 1) == event_id(OFFSET, NOW, OPENED, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ('a","offset_high","b', "")),
        (("a|", "b"), ("a", "|b")),
        (("a", "1\n"), ("a", "1")),
        (("é", ""), ("\\u00e9", "")),
    ],
)
def test_event_id_when_texts_only_look_alike_then_differs(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    code = ProblemCode.OFFSET_HIGH
    ids = {
        event_id(AlertKey(host=host, code=code, subject=subject), NOW, OPENED, 1)
        for host, subject in (one, other)
    }

    assert len(ids) == 2
