"""/runbook: what to do about each problem, from docs/runbook.md."""

from dataclasses import dataclass

from flask import Blueprint, Response, make_response, render_template
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ntp_checker.web.access import Access, access


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands under one heading."""

    name: str  #: the heading: a problem code, and the entry's anchor
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """The whole, ready to be shown."""

    intro_html: str
    entries: tuple[Entry, ...]


def make_runbook(text: str) -> Blueprint:
    """The page; `text` is the Markdown, which is read once."""
    pages = Blueprint("runbook", __name__)
    runbook = read_runbook(text)

    @pages.get("/runbook")
    @access(Access.READ)
    def show() -> Response:
        return make_response(render_template("runbook.html", runbook=runbook))

    return pages


def read_runbook(text: str) -> Runbook:
    """Its title is left out, headings of the second rank begin entries; HTML in it is text."""
    markdown = MarkdownIt("commonmark", {"html": False})
    parts: list[list[Token]] = [[]]
    tokens = iter(markdown.parse(text))
    names = []
    for token in tokens:
        if token.type != "heading_open" or token.tag not in ("h1", "h2"):
            parts[-1].append(token)
            continue
        heading = next(tokens).content
        next(tokens)  # its end
        if token.tag == "h2":
            names.append(heading)
            parts.append([])
    intro, *entries = (markdown.renderer.render(part, markdown.options, {}) for part in parts)
    return Runbook(
        intro_html=intro,
        entries=tuple(
            Entry(name=name, html=html) for name, html in zip(names, entries, strict=True)
        ),
    )
