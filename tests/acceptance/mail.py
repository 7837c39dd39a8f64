"""Settings for mail to a server of these tests, and what the database knows of it."""

from typing import Any, LiteralString

import psycopg

#: Login, three looks at 1 s, a second of the outbox, and a busy machine.
MAIL_WAIT_S = 90.0
SENDER, OPS = "ntp@example.org", "ops@example.org"


def amazon_settings(url: str) -> dict[str, str]:
    """Amazon's own variables, of an account that opens nothing."""
    return {
        "AWS_ENDPOINT_URL_SESV2": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def mail_settings(url: str) -> dict[str, str]:
    """All mail through the SES at this URL."""
    return amazon_settings(url) | {"NTP_CHECKER_SES_FROM": SENDER, "NTP_CHECKER_SES_TO": OPS}


def rows(url: str, query: LiteralString, **values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query, values).fetchall()
