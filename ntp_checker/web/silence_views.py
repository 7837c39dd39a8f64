"""A silence in words, as the pages show it. Pure."""

from dataclasses import dataclass

from ntp_checker.store.actions import SilenceShown, SilenceState
from ntp_checker.web.format import format_moment

_STATE_WORDS = {
    SilenceState.ACTIVE: "In force",
    SilenceState.COMING: "To come",
    SilenceState.EXPIRED: "Over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceView:
    """One silence; texts that people wrote are escaped where printed."""

    silence: SilenceShown
    state_word: str
    scope_text: str  #: what nobody is to hear of
    from_text: str  #: of the time that holds or comes next, else of the first
    to_text: str
    repeat_text: str  #: empty: once
    ended_text: str  #: who ended it early; empty if nobody did


def view_silence(silence: SilenceShown) -> SilenceView:
    """One silence in words."""
    repeat = f"{silence.recurrence}, by the clock of {silence.time_zone}"
    ended = f"ended by {silence.cancelled_by}, {format_moment(silence.cancelled_at)}"
    return SilenceView(
        silence=silence,
        state_word=_STATE_WORDS[silence.state],
        scope_text=_scope_text(silence),
        from_text=format_moment(silence.now_from_at or silence.starts_at),
        to_text=format_moment(silence.now_to_at or silence.ends_at),
        repeat_text=repeat if silence.recurrence else "",
        ended_text=ended if silence.cancelled_at else "",
    )


def _scope_text(silence: SilenceShown) -> str:
    """`offset high on gps1`, `all of group roof`, `everything`."""
    what = silence.code.replace("_", " ") if silence.code else ""
    if silence.subject:
        what = f"{what} ({silence.subject})".strip()
    where = silence.host or (f"group {silence.group}" if silence.group else "")
    if silence.host and silence.group:
        where = f"{silence.host} in group {silence.group}"
    if not where:
        return what or "everything"
    return f"{what} on {where}" if what else f"all problems of {where}"
