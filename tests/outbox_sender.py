"""An outbox that is there to be killed.

`python -m tests.outbox_sender URL PORT OWNER`; sends on the channel `mail` to an Inbox.
"""

import asyncio
import sys

from ntp_checker.outbox import DatabaseOutbox, Outbox
from ntp_checker.store.pool import open_checker_pool
from tests.inbox import InboxChannel
from tests.stored_alerts import compose_claimed


async def send(url: str, port: int, owner: str) -> None:
    """Until killed."""
    pool = await open_checker_pool(url)
    outbox = Outbox(
        DatabaseOutbox(pool, compose_claimed, owner=owner),
        {"mail": InboxChannel("mail", port)},
        messages_per_s={"mail": 500.0},
    )
    await outbox.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
