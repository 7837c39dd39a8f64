"""What a provider answers, without our secrets: some repeat what they were sent."""

import re
from collections.abc import Sequence

MASK = "***"
#: A shorter piece of a path is no token, and would take words out of the answer.
MIN_TOKEN_CHARS = 8


def without_secrets(said: str, target: str, secrets: Sequence[str]) -> str:
    """`said` without these secrets, and without a URL's path and query, whole or in pieces."""
    pieces = [piece for piece in re.split("[/?&=#]", target) if len(piece) >= MIN_TOKEN_CHARS]
    for secret in (target, *pieces, *secrets):
        if len(secret) > 1:
            said = said.replace(secret, MASK)
    return said
