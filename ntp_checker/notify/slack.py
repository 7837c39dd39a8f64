"""Slack: an incoming webhook, whose URL is the secret."""

import orjson

from ntp_checker.message import Link, OutgoingMessage, alerts_url, digest_links, links_of
from ntp_checker.notify.http import Endpoint, Poster, check_taken

#: Of 40,000 that Slack takes: what a person reads in a chat, the rest is a link away.
_MAX_TEXT_CHARS = 3_000


class SlackChannel:
    """Posts to one incoming webhook."""

    def __init__(self, *, name: str, url: str, poster: Poster) -> None:
        """Raises SendError (permanent) if it is not an HTTP URL."""
        self.name = name
        self.recipients: tuple[str, ...] = ()
        self._endpoint, self._poster = Endpoint.of(url), poster

    async def send(self, message: OutgoingMessage) -> str:
        """The status that was answered. Raises SendError."""
        body = orjson.dumps(
            {
                "text": slack_text(message),
                "mrkdwn": True,
                "unfurl_links": False,
                "unfurl_media": False,
            }
        )
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "ntp-checker"}
        answer = await self._poster.post(self._endpoint, headers, body)
        check_taken(answer, self._endpoint)
        return f"HTTP {answer.status}"


def slack_text(message: OutgoingMessage) -> str:
    """The title in bold, the text in a block in which Slack reads no mark-up, links below it.

    `&`, `<` and `>` escaped as Slack wants it: a host named `<!channel>` calls nobody.
    """
    _, _, rest = message.text.partition("\n")
    links = _links(message)
    for words, url in links:
        rest = rest.replace(f"{words}: {url}\n", "")
    if len(rest) > _MAX_TEXT_CHARS:
        rest = rest[:_MAX_TEXT_CHARS].rpartition("\n")[0] + "\n\N{HORIZONTAL ELLIPSIS}"
    title = message.title.replace("*", "\N{ASTERISK OPERATOR}").replace("`", "'")
    events = message.event_ids
    event = f"\nEvent {events[0]}" if len(events) == 1 and str(events[0]) not in rest else ""
    block = f"```{_escape(rest.strip().replace('```', chr(39) * 3))}```"
    leads = " \N{MIDDLE DOT} ".join(f"<{_escape(url)}|{words}>" for words, url in links)
    return f"*{_escape(title)}*\n{block}{event}" + (f"\n{leads}" if leads else "")


def _links(message: OutgoingMessage) -> tuple[Link, ...]:
    """Those of the text; a host's name in them is encoded."""
    if message.public_url is None:
        return ()
    if not message.notices:
        return (("Alerts", alerts_url(message.public_url)),)
    make = links_of if len(message.notices) == 1 else digest_links
    return make(message.notices[0], message.public_url)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
