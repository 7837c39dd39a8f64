"""Reads the named statements of the .sql file beside a store module."""

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def load_queries(module: str) -> dict[str, LiteralString]:
    """Statement by name, from `module`.sql: each begins with a line `-- name: …`.

    Raises FileNotFoundError if the installation lacks the file.
    """
    text = (resources.files("ntp_checker.store") / f"{module}.sql").read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    names, statements = pieces[::2], pieces[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{module}.sql names a statement twice")
    # psycopg takes only literal text as SQL; a file of the package is as good as one.
    return {
        name: cast(LiteralString, text.strip())
        for name, text in zip(names, statements, strict=True)
    }
