"""Mail addresses, as far as they can be told from a slip of the hand."""

import re

# No more than "something@somewhere" without blanks: what is really there only its server knows.
_ADDRESS = re.compile(r"[^\s@<>,;\x00-\x1f\x7f]{1,64}@[^\s@<>,;\x00-\x1f\x7f]{1,255}")
#: Amazon SES takes no more recipients in a call; for mail by SMTP it is as good a bound.
MAX_RECIPIENTS = 50


def check_address(text: str) -> str:
    """The address. Raises ValueError if it is none."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError("this is no mail address")
    return text


def split_addresses(text: str) -> tuple[str, ...]:
    """The addresses between commas, each once. Raises ValueError."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    check_count(len(found))
    for address in found:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is no mail address: write a@example.org,b@example.org")
    if not found:
        raise ValueError("there is no address in it")
    return found


def check_count(recipients: int) -> None:
    """Raises ValueError for more recipients than a message can have."""
    if recipients > MAX_RECIPIENTS:
        raise ValueError(
            f"{recipients} recipients, {MAX_RECIPIENTS} at most: use a mailing list, or several "
            "channels"
        )
