"""Tags that Amazon SES puts on each mail's events."""

import re
from collections.abc import Mapping

from ntp_checker.config.document import Node
from ntp_checker.config.mistakes import shown
from ntp_checker.config.values import Reader

#: SES v2, MessageTag: of names and of values.
TAG_PATTERN = "[A-Za-z0-9_-]{1,256}"
#: That every mail has.
OWN_TAGS = ("severity", "state")
#: SendEmail names no bound; a CloudWatch event destination takes ten dimensions, ours among them.
MAX_TAGS = 10 - len(OWN_TAGS)


def read_tags(reader: Reader, nodes: Mapping[str, Node], key: str) -> tuple[tuple[str, str], ...]:
    """The names and values of `tags`; wrong ones are noted and left out."""
    if "tags" not in nodes:
        return ()
    where = f"{key}.tags"
    entries = reader.entries(nodes["tags"], where)
    if len(entries) > MAX_TAGS:
        place = reader.place(nodes["tags"], where)
        reader.refuse(place, f"{len(entries)} tags: {MAX_TAGS} at most, beside our own")
    found = []
    for name, node in entries.items():
        place = reader.place(node, f"{where}.{name if name.isprintable() else shown(name)}")
        value = reader.text(node, place.key)
        if name in OWN_TAGS:
            reader.refuse(place, "every mail has this tag already: take another name")
        elif not re.fullmatch(TAG_PATTERN, name):
            reader.refuse(place, "a name of letters, digits, - and _, 256 at most")
        elif value is not None and not re.fullmatch(TAG_PATTERN, value):
            reader.refuse(place, f"{shown(value)}: letters, digits, - and _, 256 at most")
        elif value is not None:
            found.append((name, value))
    return tuple(found)
