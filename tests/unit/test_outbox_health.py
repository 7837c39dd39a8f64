"""What a channel's attempts say of it."""

from ntp_checker.outbox.health import ChannelHealth


def test_channel_when_never_tried_then_nothing_is_known() -> None:
    assert ChannelHealth("mail").state(100.0) is None


def test_channel_when_it_refuses_again_then_counted_from_the_first_refusal() -> None:
    health = ChannelHealth("mail")
    health.note_refused("not now", 100.0, is_given_up=False)
    health.note_refused("still not", 150.0, is_given_up=False)

    state = health.state(160.0)

    assert state
    assert (state.refused_for_s, state.reason, state.is_given_up) == (60.0, "still not", False)


def test_channel_when_it_takes_a_message_then_what_it_refused_is_over() -> None:
    health = ChannelHealth("mail")
    health.note_refused("unknown address", 100.0, is_given_up=True)
    health.note_accepted()

    state = health.state(160.0)

    assert state
    assert (state.refused_for_s, state.is_given_up) == (None, False)
