"""What signing in adds to a request: none, a password that is remembered or not, a token.

Requests for /api/hosts of a database with the schema and no host, through the application in this
process, so that what is the same for all is small. The ways take turns in rounds.
"""

import os
import statistics
import time
from contextlib import ExitStack

from flask.testing import FlaskClient

from ntp_checker.model import Scope, User
from ntp_checker.passwords import hash_password
from ntp_checker.resources import sql_path
from ntp_checker.store.acting import acting
from ntp_checker.store.pool import open_act_pool, open_reader_pool
from ntp_checker.store.tokens import add_token
from ntp_checker.web import create_app
from ntp_checker.web.basic import REMEMBERED_S, Passwords
from tests.postgres import PostgresServer
from tests.users import ADAS_PASSWORD, Clock, basic, bearer

ROUNDS = 40
PER_ROUND = 50
COLD_PER_ROUND = 2
#: What a signed-in page may take more than an open one.
WARM_LIMIT_MS = 1.0


def ask(client: FlaskClient, headers: dict[str, str]) -> float:
    """Milliseconds of one request; it must be answered."""
    began_s = time.perf_counter()
    answer = client.get("/api/hosts", headers=headers)
    took_ms = (time.perf_counter() - began_s) * 1e3
    assert answer.status_code == 200, answer.text
    return took_ms


def measure(stack: ExitStack, url: str) -> dict[str, list[float]]:
    clock = Clock()
    user = User(name="ada", password_hash=hash_password(ADAS_PASSWORD), role=Scope.READ)
    read_pool = stack.enter_context(open_reader_pool(url))
    act_pool = stack.enter_context(open_act_pool(url))
    with acting(act_pool, limit_s=30.0) as connection:
        secret = add_token(connection, name="b", scope=Scope.READ, created_by="bench", days=1)
    assert secret is not None
    common = {"read_pool": read_pool, "act_pool": act_pool, "interval_s": 30.0, "version": "0"}
    plain = create_app(**common).test_client()
    asking = create_app(passwords=Passwords((user,), now_s=clock), **common).test_client()
    password, token = basic("ada", ADAS_PASSWORD), bearer(secret)
    ways = {"open": (plain, {}), "remembered": (asking, password), "token": (asking, token)}
    for client, headers in ways.values():
        ask(client, headers)
    took: dict[str, list[float]] = {name: [] for name in (*ways, "not remembered")}
    for _ in range(ROUNDS):
        for name, (client, headers) in ways.items():
            took[name] += [ask(client, headers) for _ in range(PER_ROUND)]
        for _ in range(COLD_PER_ROUND):
            clock.now_s += REMEMBERED_S + 1
            took["not remembered"].append(ask(asking, password))
    return took


def main() -> int:
    with ExitStack() as stack:
        server = PostgresServer()
        stack.callback(server.stop)
        applied = server.psql("postgres", "-f", sql_path("schema.sql"))
        assert applied.returncode == 0, applied.stderr
        took = measure(stack, server.url())
    print(f"/api/hosts, in this process, on {os.cpu_count()} cores")
    base_ms = statistics.median(took["open"])
    for name, all_ms in took.items():
        cuts = statistics.quantiles(all_ms, n=20)
        print(
            f"  {name:15} median {statistics.median(all_ms):8.3f} ms   p95 {cuts[-1]:8.3f} ms"
            f"   {statistics.median(all_ms) - base_ms:+8.3f} ms   ({len(all_ms)} requests)"
        )
    more_ms = statistics.median(took["remembered"]) - base_ms
    word = "ok" if more_ms <= WARM_LIMIT_MS else "NOT REACHED"
    print(f"  remembered - open: {more_ms:.3f} ms (wanted {WARM_LIMIT_MS:g}): {word}")
    return 0 if more_ms <= WARM_LIMIT_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
