"""What `ntp-checker alerts test` says of a channel that did not take its message."""

import pytest

from ntp_checker.cli_alerts import say_refusal
from ntp_checker.errors import SendError, SendErrorKind


@pytest.mark.parametrize("kind", SendErrorKind)
def test_refusal_when_of_any_kind_then_its_words_for_people_and_why(kind: SendErrorKind) -> None:
    said = say_refusal(SendError("Unable to locate credentials", kind))

    assert said.startswith("not accepted")
    assert said.endswith(": Unable to locate credentials")
    assert "channel" not in said
