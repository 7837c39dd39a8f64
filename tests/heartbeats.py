"""A heartbeat that runs for as long as a test wants it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ntp_checker.heartbeat import Heartbeat, make_caller
from ntp_checker.notify.http import Poster


@asynccontextmanager
async def beating(url: str, caller: Poster | None = None) -> AsyncIterator[Heartbeat]:
    """Calls this URL; by the product's own caller, unless another is given."""
    heartbeat = Heartbeat(lambda: url, caller or make_caller())
    task = asyncio.create_task(heartbeat.run())
    try:
        yield heartbeat
    finally:
        task.cancel()
        await asyncio.wait([task])
