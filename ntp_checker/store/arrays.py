"""Arrays as PostgreSQL writes them: given as lists, psycopg takes four times as long over them."""

from collections.abc import Iterable


def integer_array(numbers: Iterable[int]) -> str:
    """For `::integer[]` or `::bigint[]`."""
    return "{" + ",".join(map(str, numbers)) + "}"


def text_array(texts: Iterable[str | None]) -> str:
    """For `::text[]`, or an array of what is written as text; None becomes NULL."""
    return "{" + ",".join(map(_quoted, texts)) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
