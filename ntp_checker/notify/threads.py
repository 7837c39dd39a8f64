"""Libraries that block, in threads that no end of the process waits for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def in_daemon_thread(
    work: Callable[[], Result], *, finished: Callable[[], None] = lambda: None
) -> Result:
    """What `work` returns; raises what it raises. Cancelled, its thread goes on unseen.

    `finished` is called in the loop when the thread is done, also long after a deadline.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: Exception | None) -> None:
        finished()
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only if that is the result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as err:  # noqa: BLE001 - handed on to who waits
            error = err
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="channel", daemon=True).start()
    return await future
