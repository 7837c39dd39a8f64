"""All channels' lanes, and what they have to do with each other."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Generic

from ntp_checker.model import Due, Notification
from ntp_checker.notify.channel import Channel, KnowsSuppressed
from ntp_checker.outbox.heirs import Heirs, hand_over_unknown
from ntp_checker.outbox.lane import Lane, OnTried
from ntp_checker.outbox.pace import pause
from ntp_checker.outbox.waiting import D, Waiting
from ntp_checker.rules.own import ChannelState

#: The channels that stand in for a notification's own, in their order.
Fallbacks = Callable[[Due], Sequence[str]]

#: What is being sent when the checker is told to stop gets this long, with its settling.
STOP_S = 2.5
#: Where the settings say nothing else.
MESSAGES_PER_S = 1.0
#: Providers are asked which recipients they have given up; each bounds it further by itself.
ASK_SUPPRESSED_S = 600.0


class Outbox(Generic[D]):
    """Sends what waits for as long as the checker runs.

    What an earlier run left in hand is taken up again at once.
    """

    def __init__(
        self,
        waiting: Waiting[D],
        channels: Mapping[str, Channel],
        *,
        messages_per_s: Mapping[str, float] | None = None,
        fallbacks_of: Fallbacks = lambda _: (),
        heirs_of: Heirs = lambda _: {},
        on_tried: OnTried = lambda _channel, _outcome: None,
    ) -> None:
        self._waiting = waiting
        self._fallbacks_of = fallbacks_of
        self._heirs_of = heirs_of
        self._knowing = [one for one in channels.values() if isinstance(one, KnowsSuppressed)]
        self._lanes = {
            name: Lane(
                waiting,
                channel,
                messages_per_s=(messages_per_s or {}).get(name, MESSAGES_PER_S),
                stand_ins=self._stand_ins,
                wake=self._wake_lane,
                on_tried=on_tried,
            )
            for name, channel in channels.items()
        }

    def wake(self) -> None:
        """Something was queued: looked for at once instead of within a second."""
        for lane in self._lanes.values():
            lane.queued.set()

    def channel_states(self) -> list[ChannelState]:
        """How each channel fares that was tried since the start."""
        now_s = asyncio.get_running_loop().time()
        states = [lane.health.state(now_s) for lane in self._lanes.values()]
        return [state for state in states if state is not None]

    async def run(self, stop: asyncio.Event) -> None:
        """Returns STOP_S after `stop` at the latest; what is not sent then stays in the outbox."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(lane.run(stop)) for lane in self._lanes.values()]
            left = hand_over_unknown(
                self._waiting, self._lanes.keys(), self._heirs_of, self._wake_lane, stop
            )
            running.append(tasks.create_task(left))
            running += [tasks.create_task(_ask_suppressed(one, stop)) for one in self._knowing]
            await stop.wait()
            self.wake()
            await asyncio.wait(running, timeout=STOP_S)
            await _end(running)

    def _wake_lane(self, channel: str) -> None:
        self._lanes[channel].queued.set()

    def _stand_ins(self, claimed: Sequence[D]) -> list[Notification]:
        """The same transitions for the next channel of each, as far as there is one."""
        found = []
        for one in claimed:
            ways = list(self._fallbacks_of(one))
            if one.channel in ways:
                ways = ways[ways.index(one.channel) + 1 :]
            way = next((way for way in ways if way in self._lanes), None)
            if way is not None:
                found.append(
                    Notification(
                        event_id=one.transition.event_id, channel=way, group_key=one.group_key
                    )
                )
        return found


async def _ask_suppressed(channel: KnowsSuppressed, stop: asyncio.Event) -> None:
    """Beside all mails: what is found is in the log, and in the answers of later mails."""
    while not stop.is_set():
        await channel.suppressed_recipients()
        await pause(stop, ASK_SUPPRESSED_S)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancels them. The second time psycopg stops being polite to a server that hangs."""
    for _ in range(2):
        running = [task for task in tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=0.25)
