"""What is wrong with hosts that are others' sources. Async."""

from collections.abc import Iterable

from ntp_checker.model import ProblemCode
from ntp_checker.store.arrays import text_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries
from ntp_checker.upstream import EXPLAINING, HEALING, Trouble


async def read_troubles(conn: CheckerConnection, names: Iterable[str]) -> list[Trouble]:
    """The alerts of these hosts that explain what their clients miss, or what has yet to heal."""
    found = await conn.execute(
        load_queries("explanations")["troubles_of"],
        {
            "names": text_array(names),
            "codes": text_array(code.value for code in EXPLAINING),
            "healing_s": HEALING.total_seconds(),
        },
    )
    return [
        Trouble(host=name, code=ProblemCode(code), first_bad_slot_at=first_bad_slot_at)
        for name, code, first_bad_slot_at in await found.fetchall()
    ]
