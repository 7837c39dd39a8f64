"""Rules on what chronyd listens to: `chronyc sources`."""

from collections import Counter
from collections.abc import Iterator

from ntp_checker.model import (
    Judgement,
    Limits,
    ProblemCode,
    Sample,
    Selection,
    Severity,
    Source,
    SourceMode,
    SourceState,
)
from ntp_checker.rules.clock import selected_source
from ntp_checker.rules.judgements import judge_at_least, judge_state

_USABLE = (SourceState.SELECTED, SourceState.COMBINED, SourceState.SELECTABLE)

#: Registers of a source that was never missed since it was added, less than 8 polls ago.
_STARTING_REGISTERS = frozenset({0o1, 0o3, 0o7, 0o17, 0o37, 0o77, 0o177})
_REASONS: dict[Selection | None, str] = {
    Selection.NOSELECT: "with the option noselect",
    Selection.UNSYNCHRONISED: "not synchronised",
    Selection.FEW_SAMPLES: "with too few measurements yet",
    Selection.DISTANT: "with a root distance above maxdistance",
    Selection.JITTERY: "with a jitter above maxjitter",
    Selection.WAITS_FOR_SAMPLES: "waiting until others have enough measurements",
    Selection.STALE: "with measurements older than the others'",
    Selection.ORPHAN: "at or above the orphan stratum",
    Selection.NOT_TRUSTED: "at odds with the trusted sources",
    Selection.FALSETICKER: "without a majority that agrees with it",
    Selection.WAITS_FOR_SOURCES: "waiting for more sources to agree (minsources, require)",
    Selection.NOT_PREFERRED: "passed over for a preferred source",
    Selection.WAITS_FOR_UPDATE: "waiting for a new measurement",
}
REACH_POLLS = 8  #: polls the register remembers


def judge_sources(sample: Sample, limits: Limits) -> Iterator[Judgement]:
    """Every rule on the list of sources; none if the list could not be had.

    An isolated host may run on its own reference for good, without any source.
    """
    sources = sample.sources
    if sources is None:
        return
    if limits.local_reference_judged or sources:
        yield from _judge_selection(sources)
        yield from _judge_count(sources, limits)
    for source in sources:
        yield from _judge_reach(source, limits)
        yield from _judge_state(source)


def _judge_selection(sources: tuple[Source, ...]) -> Iterator[Judgement]:
    if not sources:
        text = "chronyd has no sources configured"
        yield judge_state(ProblemCode.NO_SOURCES, Severity.CRITICAL, text)
        return
    yield judge_state(ProblemCode.NO_SOURCES, None, f"{len(sources)} sources configured")
    selected = selected_source(sources)
    if selected is None:
        text = f"none of {len(sources)} sources is selected{_say_why(sources)}"
        yield judge_state(ProblemCode.NO_SELECTED_SOURCE, Severity.CRITICAL, text)
    else:
        text = f"{selected.address} is selected"
        yield judge_state(ProblemCode.NO_SELECTED_SOURCE, None, text)


def _say_why(sources: tuple[Source, ...]) -> str:
    """chronyd's own reasons, where the account may ask for them; the commonest first."""
    reasons = Counter(_REASONS[s.selection] for s in sources if s.selection in _REASONS)
    if not reasons:
        return ": nothing disciplines the clock"
    return ": " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())


def _judge_count(sources: tuple[Source, ...], limits: Limits) -> Iterator[Judgement]:
    """Three are needed to outvote a liar; a selected refclock is trusted by itself."""
    selected = selected_source(sources)
    if selected is not None and selected.mode is SourceMode.REFCLOCK:
        text = f"reference clock {selected.address} is selected, which needs no others"
        yield judge_state(ProblemCode.FEW_SOURCES, None, text)
        return
    usable = sum(source.state in _USABLE for source in sources)
    text = f"{usable} of {len(sources)} sources usable, wanted {limits.sources_min}"
    yield judge_at_least(
        ProblemCode.FEW_SOURCES, usable, limits.sources_min, Severity.WARNING, text
    )


def _judge_reach(source: Source, limits: Limits) -> Iterator[Judgement]:
    if source.reach in _STARTING_REGISTERS:
        return
    answered = source.reach.bit_count()
    text = f"source {source.address} answered {answered} of the last {REACH_POLLS} polls"
    yield judge_at_least(
        ProblemCode.SOURCE_UNREACHABLE,
        answered,
        limits.source_polls_min,
        Severity.WARNING,
        text,
        subject=source.address,
    )


def _judge_state(source: Source) -> Iterator[Judgement]:
    """What chronyd thinks of it; a source it can't use at all was not held against the others."""
    if source.state is SourceState.UNUSABLE:
        return
    states = (
        (ProblemCode.FALSETICKER, SourceState.FALSETICKER, "disagrees with the majority"),
        (ProblemCode.SOURCE_JITTERY, SourceState.JITTERY, "is too variable to be used"),
    )
    for code, bad_state, complaint in states:
        if source.state is bad_state:
            text = f"source {source.address} {complaint}"
            yield judge_state(code, Severity.WARNING, text, subject=source.address)
        else:
            text = f"source {source.address} is {source.state}"
            yield judge_state(code, None, text, subject=source.address)
