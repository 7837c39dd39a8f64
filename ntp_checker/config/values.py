"""What is written in the settings file -> values of the wanted type; YAML's surprises explained."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import yaml

from ntp_checker.config.document import Entries, Node, Scalar, Sequence, yaml_tag
from ntp_checker.config.mistakes import MAX_TOLD, Mistakes, shown

Value = str | int | float | bool

# Only what means the same in every version of YAML, and to a person. 1e-6 is text in YAML 1.1 and
# a number everywhere else.
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*|(?=\.[0-9]))(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,4})?")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
#: A beginning shorter than this says nothing.
MIN_BEGINNING_CHARS = 4
#: Longer ones are no settings, and Python refuses to read them.
_MAX_DIGITS = 40
_TRUE = frozenset(("true", "yes", "on"))
_FALSE = frozenset(("false", "no", "off"))
_WORDS = {"bool": "a yes or no", "null": "nothing at all", "timestamp": "a date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the file something stands."""

    file: str
    line: int
    key: str  #: whole path of keys, e.g. `hosts[2].limits.offset_warning_s`

    def __str__(self) -> str:
        return f"{self.origin}: {self.key}" if self.key else self.origin

    @property
    def origin(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


class Reader:
    """Reads nodes of one file; what is wrong goes into `mistakes`, and None comes back."""

    def __init__(self, file: str, mistakes: Mistakes) -> None:
        self.file = file
        self.mistakes = mistakes

    def place(self, node: Node, key: str) -> Place:
        """Where this node stands."""
        return self.place_at(node.line, key)

    def place_at(self, line: int, key: str) -> Place:
        """A line of the file that is about `key`."""
        return Place(file=self.file, line=line, key=key)

    def suggest(self, name: str, known: Collection[str]) -> str:
        """`; did you mean …?` if a known name is near; not when too much is wrong to be told."""
        return suggest(name, known) if len(self.mistakes) <= MAX_TOLD else ""

    def refuse(self, place: Place, reason: str) -> None:
        """Notes a mistake."""
        self.mistakes.add_in_file(place.line, f"{place}: {reason}")

    def text(self, node: Node, key: str) -> str | None:
        """Text, as it was meant."""
        scalar = self._scalar(node, key)
        if scalar is None:
            return None
        tag = yaml_tag(scalar)
        if tag != "str":
            told = f"YAML reads {scalar.text[:_MAX_DIGITS]} as {_made_of(scalar, tag)}, not as text"
            self.refuse(self.place(node, key), f"{told}: put it in quotes")
            return None
        return scalar.text

    def number(self, node: Node, key: str) -> float | None:
        """A finite decimal number."""
        text = self._number_text(node, key, _NUMBER, "a number")
        return None if text is None else float(text)

    def integer(self, node: Node, key: str) -> int | None:
        """A whole decimal number."""
        text = self._number_text(node, key, _INTEGER, "a whole number")
        return None if text is None else int(text)

    def flag(self, node: Node, key: str) -> bool | None:
        """`true` or `false`, or YAML 1.1's other words for them."""
        scalar = self._scalar(node, key)
        if scalar is None:
            return None
        word = scalar.text.lower()
        if not scalar.is_plain or word not in _TRUE | _FALSE:
            self.refuse(self.place(node, key), f"{shown(scalar.text)}: write true or false")
            return None
        return word in _TRUE

    def word(self, node: Node, key: str, choices: Collection[str]) -> str | None:
        """One of these words; YAML's own words for true and false are `yes` and `no` here."""
        scalar = self._scalar(node, key)
        if scalar is None:
            return None
        word = scalar.text.lower() if yaml_tag(scalar) == "bool" else scalar.text
        if word not in choices and yaml_tag(scalar) == "bool":
            word = "yes" if word in _TRUE else "no"
        if word not in choices:
            reason = f"{shown(scalar.text)}: write {_one_of(choices)}{self.suggest(word, choices)}"
            self.refuse(self.place(node, key), reason)
            return None
        return word

    def entries(
        self, node: Node, key: str, known: Collection[str] | None = None
    ) -> "Mapping[str, Node]":
        """The mapping's nodes; keys that are not `known` are mistakes and left out."""
        if not isinstance(node, Entries):
            example = f", such as `{min(known)}: …`" if known else ""
            self.refuse(self.place(node, key), f"write keys with values here{example}")
            return {}
        if known is None:
            return node.nodes
        return {
            name: value
            for name, value in node.nodes.items()
            if self._is_known(node, key, name, known)
        }

    def items(self, node: Node, key: str) -> Iterator[tuple[str, Node]]:
        """Each item of a list, with its key."""
        if not isinstance(node, Sequence):
            self.refuse(self.place(node, key), "write a list here: each line begins with `- `")
            return
        for number, item in enumerate(node.items):
            yield f"{key}[{number}]", item

    def filled_items(self, node: Node, key: str) -> Iterator[tuple[str, Node]]:
        """The same for a list that may not be empty."""
        if isinstance(node, Sequence) and not node.items:
            self.refuse(self.place(node, key), "the list is empty")
        yield from self.items(node, key)

    def _is_known(self, node: Entries, key: str, name: str, known: Collection[str]) -> bool:
        if name in known:
            return True
        whole = f"{key}.{name}" if key else name
        place = self.place_at(node.key_lines[name], _printable(whole))
        self.refuse(place, f"no such setting{self.suggest(name, known)}")
        return False

    def _scalar(self, node: Node, key: str) -> Scalar | None:
        if not isinstance(node, Scalar):
            kind = "a list" if isinstance(node, Sequence) else "a mapping"
            is_ipv6 = isinstance(node, Sequence) and len(node.items) == 1
            hint = "; put an IPv6 address in quotes" if is_ipv6 else ""
            self.refuse(self.place(node, key), f"one value belongs here, not {kind}{hint}")
            return None
        if yaml_tag(node) == "null":
            reason = "there is no value: give one, or leave the line out"
            self.refuse(self.place(node, key), reason)
            return None
        return node

    def _number_text(self, node: Node, key: str, form: re.Pattern[str], kind: str) -> str | None:
        scalar = self._scalar(node, key)
        if scalar is None:
            return None
        text = scalar.text
        if scalar.is_plain and len(text) <= _MAX_DIGITS and form.fullmatch(text):
            return text
        tag = yaml_tag(scalar)
        if not scalar.is_plain and form.fullmatch(text):
            reason = f"{shown(text)} is text: write {kind} without quotes"
        elif tag in ("int", "float") and len(text) <= _MAX_DIGITS:
            made = _made_of(scalar, tag)
            reason = f"YAML reads {text} as {made}: write {kind} in plain decimal digits"
        else:
            reason = f"{shown(text)}: write {kind}"
        self.refuse(self.place(node, key), reason)
        return None


def suggest(name: str, known: Collection[str]) -> str:
    """`; did you mean …?` if known names are near, or begin with it."""
    close = difflib.get_close_matches(name[:100], known, n=1)
    if not close and len(name) >= MIN_BEGINNING_CHARS:
        close = [candidate for candidate in known if candidate.startswith(name)][:2]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _made_of(scalar: Scalar, tag: str) -> str:
    """What YAML 1.1 makes of a scalar, in words."""
    if tag == "bool":
        return "true" if scalar.text.lower() in _TRUE else "false"
    if tag in ("int", "float") and len(scalar.text) <= _MAX_DIGITS:
        try:
            return f"the number {yaml.safe_load(scalar.text)!r}"
        except (ValueError, yaml.YAMLError):
            return "a number"
    return _WORDS.get(tag, "a number" if tag in ("int", "float") else "something else")


def _one_of(choices: Collection[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _printable(key: str) -> str:
    return key if key.isprintable() and len(key) <= 200 else shown(key)
