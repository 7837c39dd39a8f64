"""A Letter as text and as HTML."""

from html import escape

from ntp_checker.message.letter import Letter, Section
from ntp_checker.model import Severity

#: Two columns of facts: the longest name is "Selected source".
_NAME_WIDTH = 17

_COLOURS = {
    "RESOLVED": "#1a7f4b",
    "ACKNOWLEDGED": "#3b6ea8",
    Severity.CRITICAL: "#c0262d",
    Severity.WARNING: "#9a6200",
    Severity.INFO: "#3b6ea8",
}
# Programs that drop a <style> still have a page that reads well: colours come on top.
_STYLE = """
:root { color-scheme: light dark; supported-color-schemes: light dark; }
body { margin: 0; padding: 16px; background: #ffffff; color: #1b1f24; }
.letter { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.quiet, th { color: #5a626c; }
pre { background: #f1f3f5; }
a { color: #1b62b5; }
@media (prefers-color-scheme: dark) {
  body { background: #15181c; color: #e4e7eb; }
  .quiet, th { color: #9aa4af; }
  pre { background: #22272d; }
  a { color: #7fb4f5; }
}
""".strip()
_CODE_STYLE = (
    "margin:0;padding:10px 12px;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;"
    "font:13px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
)
_BADGE_STYLE = (
    "display:inline-block;padding:1px 9px;border-radius:4px;color:#ffffff;"
    "font-size:13px;font-weight:600;letter-spacing:.03em"
)
_HEADING_STYLE = "margin:22px 0 6px;font-size:15px;font-weight:600"


def as_text(letter: Letter) -> str:
    """Plain text, its facts in two columns."""
    blocks = [letter.title + "\n" + letter.lead]
    blocks.append("\n".join(f"{name:<{_NAME_WIDTH}}{words}" for name, words in letter.facts))
    blocks += [_text_section(section) for section in letter.sections]
    blocks.append("\n".join(f"{words}: {url}" for words, url in letter.links))
    blocks.append("\n".join(letter.footer))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _text_section(section: Section) -> str:
    mark = "  " if section.is_code else "- "
    return "\n".join((f"{section.heading}:", *(f"{mark}{line}" for line in section.lines)))


def as_html(letter: Letter) -> str:
    """The same as one HTML document: no script, no image, nothing that is fetched."""
    colour = _COLOURS.get(letter.state, _COLOURS[letter.severity])
    subject = letter.title.removeprefix(letter.state).strip()
    badge = f'<span style="{_BADGE_STYLE};background:{colour}">{escape(letter.state)}</span>'
    parts = [
        f'<p style="margin:0">{badge}</p>',
        f'<h1 style="margin:8px 0 2px;font-size:21px;line-height:1.3">{escape(subject)}</h1>',
        f'<p style="margin:0 0 16px;font-size:16px">{escape(letter.lead)}</p>',
        _html_facts(letter),
        *(_html_section(section) for section in letter.sections),
        _html_links(letter),
        _html_footer(letter),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(letter.title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n"
        f'<body>\n<div class="letter" style="max-width:680px;overflow-wrap:anywhere">\n'
        f"{body}\n</div>\n</body>\n</html>\n"
    )


def _html_facts(letter: Letter) -> str:
    rows = "\n".join(
        '<tr><th scope="row" style="text-align:left;vertical-align:top;font-weight:400;'
        f'padding:1px 16px 1px 0;white-space:nowrap">{escape(name)}</th>'
        f'<td style="vertical-align:top;padding:1px 0">{escape(words)}</td></tr>'
        for name, words in letter.facts
    )
    return f'<table style="border-collapse:collapse;font-size:15px">\n{rows}\n</table>'


def _html_section(section: Section) -> str:
    heading = f'<h2 style="{_HEADING_STYLE}">{escape(section.heading)}</h2>'
    if section.is_code:
        lines = "\n".join(escape(line) for line in section.lines)
        return f'{heading}\n<pre style="{_CODE_STYLE}">{lines}</pre>'
    items = "\n".join(f"<li>{escape(line)}</li>" for line in section.lines)
    return f'{heading}\n<ul style="margin:0;padding-left:20px">\n{items}\n</ul>'


def _html_links(letter: Letter) -> str:
    links = " &nbsp; ".join(
        f'<a href="{escape(url)}" rel="noreferrer">{escape(words)}</a>'
        for words, url in letter.links
    )
    return f'<p style="margin:22px 0 0">{links}</p>' if links else ""


def _html_footer(letter: Letter) -> str:
    lines = "\n".join(escape(line) for line in letter.footer)
    return f'<p class="quiet" style="margin:22px 0 0;font-size:12px">{lines}</p>' if lines else ""
