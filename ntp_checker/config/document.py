"""The settings file as a tree of texts with their lines. YAML, with nothing in it that acts.

The tree is built from the parser's events, so no constructor of PyYAML ever runs: tags are
refused, aliases are counted before they can grow, and each value still knows how it was written.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import yaml

from ntp_checker.config.mistakes import Mistakes, shown

MAX_BYTES = 16 * 1024 * 1024
#: Ten thousand hosts with every limit of their own are 0.4 million values.
MAX_VALUES = 1_000_000
MAX_DEPTH = 20

_STRING_TAG = "tag:yaml.org,2002:str"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Scalar(NamedTuple):
    """One value as it was written. A tuple, because a large file has a million of them."""

    line: int
    text: str
    is_plain: bool  #: written without quotes, so YAML makes of it what it likes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list."""

    line: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """A mapping from key to value."""

    line: int
    nodes: Mapping[str, "Node"]
    key_lines: Mapping[str, int]


Node = Scalar | Sequence | Entries


@dataclass(slots=True)
class _Open:
    """A collection whose end was not seen yet."""

    line: int
    is_mapping: bool
    anchor: str | None
    children: list[Node] = field(default_factory=list)
    values: int = 1  #: in it, aliases written out


def yaml_tag(scalar: Scalar) -> str:
    """What YAML 1.1 takes it for: `str`, `bool`, `int`, `float`, `null`, `timestamp` and others."""
    return _plain_tag(scalar.text) if scalar.is_plain else "str"


@cache
def _resolver() -> yaml.resolver.Resolver:
    return yaml.resolver.Resolver()


@lru_cache(maxsize=4096)
def _plain_tag(text: str) -> str:
    # PyYAML's stubs say nothing of this function.
    tag: str = _resolver().resolve(yaml.nodes.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag.removeprefix("tag:yaml.org,2002:")


def read_text(path: Path, name: str, mistakes: Mistakes) -> str | None:
    """The file's text without its byte-order mark; None if there is a mistake."""
    try:
        content = read_bytes(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        mistakes.add(f"NTP_CHECKER_CONFIG: can't read {name}: {reason or error}")
        return None
    return decode_text(content, name, mistakes)


def decode_text(content: bytes, name: str, mistakes: Mistakes) -> str | None:
    """Text of what read_bytes returned; None if there is a mistake."""
    if len(content) > MAX_BYTES:
        mistakes.add(f"NTP_CHECKER_CONFIG: {name} is larger than {MAX_BYTES // 2**20} MiB")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistakes.add_in_file(line, f"{name}:{line}: not UTF-8: save the file in this encoding")
        return None
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        mistakes.add_in_file(line, f"{name}:{line}: there is a control character, {found[0]!a}")
        return None
    return text


def read_bytes(path: Path) -> bytes:
    """The file's content, one byte more than MAX_BYTES at most. Raises OSError, ValueError."""
    # A FIFO would keep us waiting for its writer for ever.
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        return file.read(MAX_BYTES + 1)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def parse_document(text: str, name: str, mistakes: Mistakes) -> Node | None:
    """The tree of a file's text; None if it is empty or not YAML. Mistakes name file and line."""
    composer = _Composer(name, mistakes)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except _TooMuch as error:
        mistakes.add_in_file(error.line, f"{name}:{error.line}: {error}")
        return None
    except yaml.YAMLError as error:
        line, reason = _say_syntax(error, text)
        mistakes.add_in_file(line, f"{name}:{line}: not valid YAML: {reason}")
        return None
    return composer.root


class _TooMuch(Exception):
    """The document is not one that we go on with."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class _Composer:
    """Builds the tree, event by event."""

    def __init__(self, name: str, mistakes: Mistakes) -> None:
        self.root: Node | None = None
        self._name = name
        self._mistakes = mistakes
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Node, int]] = {}
        self._documents = 0

    def take(self, event: yaml.events.Event) -> None:
        """Takes the parser's next event. Raises _TooMuch."""
        mark = event.start_mark
        line = 1 if mark is None else mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            if event.tag is not None:
                self._refuse_tag(event.tag, line)
            self._add(Scalar(line, event.value, event.implicit[0]), 1, event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchored:
                raise _TooMuch(line, f"*{event.anchor} stands for nothing: no &{event.anchor}")
            self._add(*self._anchored[event.anchor], None)
        elif isinstance(event, yaml.CollectionStartEvent):
            if event.tag is not None:
                self._refuse_tag(event.tag, line)
            if len(self._open) >= MAX_DEPTH:
                raise _TooMuch(line, f"nested more than {MAX_DEPTH} deep")
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._open.append(_Open(line, is_mapping, event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._open.pop()
            node = self._entries(done) if done.is_mapping else _sequence(done)
            self._add(node, done.values, done.anchor)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _TooMuch(line, "a second document begins here: keep one, without `---`")

    def _add(self, node: Node, values: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchored[anchor] = (node, values)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.children.append(node)
        parent.values += values
        if parent.values > MAX_VALUES:
            raise _TooMuch(node.line, f"more than {MAX_VALUES} values, aliases counted")

    def _refuse_tag(self, tag: str, line: int) -> None:
        text = f"{self._name}:{line}: a tag, {shown(tag)}: leave it out, tags do nothing"
        self._mistakes.add_in_file(line, text)

    def _entries(self, done: _Open) -> Entries:
        nodes: dict[str, Node] = {}
        key_lines: dict[str, int] = {}
        for key, node in zip(done.children[::2], done.children[1::2], strict=True):
            reason = self._refusal_of_key(key, key_lines)
            if reason is not None:
                text = f"{self._name}:{key.line}: {reason}"
                self._mistakes.add_in_file(key.line, text)
            elif isinstance(key, Scalar):
                nodes[key.text] = node
                key_lines[key.text] = key.line
        return Entries(line=done.line, nodes=nodes, key_lines=key_lines)

    def _refusal_of_key(self, key: Node, known: Mapping[str, int]) -> str | None:
        if not isinstance(key, Scalar):
            return "a key is a word: here is a list or a mapping in its place"
        if key.is_plain and key.text == "<<":
            return "<<: keys are not merged: put what hosts share into a group"
        if key.text in known:
            return f"{shown(key.text)}: there already, in line {known[key.text]}: keep one"
        if (tag := yaml_tag(key)) != "str":
            return f"{key.text[:60]}: YAML reads this key as {tag}, not as text: put it in quotes"
        return None


def _sequence(done: _Open) -> Sequence:
    return Sequence(line=done.line, items=tuple(done.children))


def _say_syntax(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Line and reason, with a hint where a person is likely to be puzzled."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else 1
    words = " ".join(str(getattr(error, "problem", None) or error).split())
    lines = text.splitlines()
    written = lines[line - 1].lstrip(" -") if line <= len(lines) else ""
    value = written.partition(": ")[2] or written
    hint = ""
    if written.startswith("\t") or "\t" in written[: len(written) - len(written.lstrip())]:
        hint = ": indent with spaces, never with tabs"
    elif value[:1] in "*&@`%|>!{[" or "]:" in value:
        hint = ": put the value in quotes, an IPv6 address, too"
    return line, words[:200] + hint
