"""Channels of the settings file: the ways on which alerts go out."""

import re
from collections.abc import Mapping
from pathlib import Path

from ntp_checker.config.addresses import check_address, check_count, split_addresses
from ntp_checker.config.document import Node
from ntp_checker.config.environment import read_secret, why
from ntp_checker.config.mistakes import shown
from ntp_checker.config.ses_tags import read_tags
from ntp_checker.config.values import Reader
from ntp_checker.model import ChannelKind, ChannelSettings, SmtpSecurity
from ntp_checker.reach import Reach, find_inside, is_allowed

#: Of a channel's name: it stands in rows, metrics and commands.
CHANNEL_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
#: The channel that NTP_CHECKER_SES_FROM and NTP_CHECKER_SES_TO make.
ENVIRONMENT_CHANNEL = "ses"
MAX_MESSAGES_PER_S = 100.0
MAX_PORT = 65_535
#: For handing in mail with STARTTLS.
SMTP_PORT = 587
_URL = re.compile(r"https?://[^\s/?#]+\S*")

_WANTED = {
    ChannelKind.SES: ("from", "to"),
    ChannelKind.SMTP: ("from", "to", "host"),
    ChannelKind.WEBHOOK: ("url",),
    ChannelKind.SLACK: ("url",),
    ChannelKind.PAGERDUTY: ("secret",),
    ChannelKind.APPRISE: ("urls",),
}
_MORE = {
    ChannelKind.SES: ("configuration_set", "tags"),
    ChannelKind.SMTP: ("port", "security", "user", "password"),
    ChannelKind.WEBHOOK: ("secret", "allow_private"),
    ChannelKind.SLACK: ("allow_private",),
    ChannelKind.PAGERDUTY: ("url", "allow_private"),
    ChannelKind.APPRISE: (),
}
_TEXT_SECRETS = ("password", "url", "secret")
#: Each of them may be given as `NAME_file`, too; in that of `urls` each line is one.
CHANNEL_SECRETS = (*_TEXT_SECRETS, "urls")
#: Apprise knows more schemes than we do: whether it knows this one, it says itself.
_APPRISE_URL = re.compile(r"[A-Za-z][A-Za-z0-9_+.-]*://\S+")
COMMON_KEYS = ("kind", "messages_per_s")
CHANNEL_KEYS = tuple(
    dict.fromkeys(
        (
            *COMMON_KEYS,
            *(key for kind in ChannelKind for key in (*_WANTED[kind], *_MORE[kind])),
            *(f"{name}_file" for name in CHANNEL_SECRETS),
        )
    )
)


def keys_of(kind: ChannelKind) -> tuple[str, ...]:
    """What a channel of this kind may say of itself."""
    own = (*_WANTED[kind], *_MORE[kind])
    return (*COMMON_KEYS, *own, *(f"{name}_file" for name in CHANNEL_SECRETS if name in own))


def wanted_of(kind: ChannelKind) -> tuple[str, ...]:
    """What a channel of this kind must say; a secret, or its file."""
    return _WANTED[kind]


def read_channels(reader: Reader, node: Node | None) -> tuple[ChannelSettings, ...]:
    """The channels of `channels:`; wrong ones are noted and left out."""
    found = []
    for name, child in reader.entries(node, "channels").items() if node is not None else ():
        key = f"channels.{name}" if name.isprintable() else f"channels.{shown(name)}"
        if not re.fullmatch(CHANNEL_NAME, name):
            reader.refuse(reader.place(child, key), "use letters, digits, and _ . - inside")
            continue
        channel = _read_channel(reader, child, key, name)
        if channel is not None:
            found.append(channel)
    return tuple(found)


def with_ses(
    channels: tuple[ChannelSettings, ...], sender: str, recipients: str
) -> tuple[ChannelSettings, ...]:
    """These channels and the one of `ses_from` and `ses_to`, in place of one of the same name.

    What is wrong in the two is for the settings to tell: here it makes no channel.
    """
    try:
        made = ChannelSettings(
            name=ENVIRONMENT_CHANNEL,
            kind=ChannelKind.SES,
            sender=check_address(sender),
            recipients=split_addresses(recipients),
        )
    except ValueError:
        return channels
    return (*(one for one in channels if one.name != ENVIRONMENT_CHANNEL), made)


def _read_channel(reader: Reader, node: Node, key: str, name: str) -> ChannelSettings | None:
    nodes = reader.entries(node, key, CHANNEL_KEYS)
    if "kind" not in nodes:
        reader.refuse(reader.place(node, key), "kind is missing: ses, smtp, webhook, …")
        return None
    word = reader.word(nodes["kind"], f"{key}.kind", [kind.value for kind in ChannelKind])
    if word is None:
        return None
    kind = ChannelKind(word)
    known = keys_of(kind)
    for foreign in nodes.keys() - set(known):
        place = reader.place(nodes[foreign], f"{key}.{foreign}")
        reader.refuse(place, f"a channel of kind {word} has no such setting")
    secrets = {one: _read_secret(reader, nodes, key, one) for one in _TEXT_SECRETS}
    for wanted in _WANTED[kind]:
        if wanted not in nodes and f"{wanted}_file" not in nodes:
            reader.refuse(reader.place(node, key), f"{wanted} is missing")
            return None
    is_inward = _read_flag(reader, nodes, key, "allow_private")
    _check_url(reader, nodes, key, secrets["url"], Reach.INWARD_TOO if is_inward else Reach.OUTWARD)
    return ChannelSettings(
        name=name,
        kind=kind,
        sender=_read_sender(reader, nodes, key),
        recipients=_read_recipients(reader, nodes, key),
        configuration_set=_read_text(reader, nodes, key, "configuration_set"),
        tags=read_tags(reader, nodes, key),
        host=_read_text(reader, nodes, key, "host") or "",
        port=_read_port(reader, nodes, key),
        security=_read_security(reader, nodes, key),
        user=_read_text(reader, nodes, key, "user"),
        password=secrets["password"],
        url=secrets["url"],
        secret=secrets["secret"],
        urls=_read_urls(reader, nodes, key),
        allow_private=is_inward,
        messages_per_s=_read_rate(reader, nodes, key),
    )


def _read_secret(reader: Reader, nodes: Mapping[str, Node], key: str, name: str) -> str | None:
    """The secret itself, or that of its file."""
    file_key = f"{name}_file"
    _refuse_both(reader, nodes, key, name)
    if name in nodes:
        return reader.text(nodes[name], f"{key}.{name}")
    if file_key not in nodes:
        return None
    place = reader.place(nodes[file_key], f"{key}.{file_key}")
    file_name = reader.text(nodes[file_key], f"{key}.{file_key}")
    if file_name is None:
        return None
    try:
        secret = read_secret(str(Path(file_name).expanduser()))
    except (OSError, ValueError, RuntimeError) as error:
        reader.refuse(place, f"can't read {file_name}: {why(error)}")
        return None
    if not secret:
        reader.refuse(place, f"{file_name} is empty")
    return secret or None


def _refuse_both(reader: Reader, nodes: Mapping[str, Node], key: str, name: str) -> None:
    file_key = f"{name}_file"
    if name in nodes and file_key in nodes:
        place = reader.place(nodes[file_key], f"{key}.{file_key}")
        reader.refuse(place, f"{name} is set, too: keep one")


def _read_urls(reader: Reader, nodes: Mapping[str, Node], key: str) -> tuple[str, ...]:
    """Those of the list, or of its file; none is ever told, for it holds a token."""
    if "urls" not in nodes and "urls_file" not in nodes:
        return ()
    if "urls" in nodes:
        _refuse_both(reader, nodes, key, "urls")
        found = [
            (where, item, reader.text(item, where))
            for where, item in reader.filled_items(nodes["urls"], f"{key}.urls")
        ]
    else:
        where = f"{key}.urls_file"
        text = _read_secret(reader, nodes, key, "urls") or ""
        found = [(where, nodes["urls_file"], line.strip()) for line in text.splitlines()]
    urls = []
    for where, node, url in found:
        if url and not _APPRISE_URL.fullmatch(url):
            reader.refuse(reader.place(node, where), "not a URL of apprise: service://…")
        elif url:
            urls.append(url)
    return tuple(dict.fromkeys(urls))


def _check_url(
    reader: Reader, nodes: Mapping[str, Node], key: str, url: str | None, reach: Reach
) -> None:
    if url is None:
        return
    where = "url" if "url" in nodes else "url_file"
    # Such a URL often holds a token: but for its server it is not told.
    place = reader.place(nodes[where], f"{key}.{where}")
    if not _URL.fullmatch(url):
        reader.refuse(place, "not a URL: begin it with https:// or http://")
    elif (inside := find_inside(url, reach)) is not None:
        is_meant = is_allowed(inside, Reach.INWARD_TOO)
        hint = "set allow_private: true if it is meant" if is_meant else "no channel may lead there"
        reader.refuse(place, f"leads inside, to {inside}: {hint}")


def _read_sender(reader: Reader, nodes: Mapping[str, Node], key: str) -> str:
    return _read_address(reader, nodes["from"], f"{key}.from") or "" if "from" in nodes else ""


def _read_recipients(reader: Reader, nodes: Mapping[str, Node], key: str) -> tuple[str, ...]:
    if "to" not in nodes:
        return ()
    found = [
        _read_address(reader, item, where)
        for where, item in reader.filled_items(nodes["to"], f"{key}.to")
    ]
    recipients = tuple(dict.fromkeys(address for address in found if address is not None))
    try:
        check_count(len(recipients))
    except ValueError as error:
        reader.refuse(reader.place(nodes["to"], f"{key}.to"), str(error))
    return recipients


def _read_address(reader: Reader, node: Node, key: str) -> str | None:
    text = reader.text(node, key)
    if text is None:
        return None
    try:
        return check_address(text)
    except ValueError as error:
        reader.refuse(reader.place(node, key), f"{shown(text)}: {error}")
        return None


def _read_text(reader: Reader, nodes: Mapping[str, Node], key: str, name: str) -> str | None:
    return reader.text(nodes[name], f"{key}.{name}") if name in nodes else None


def _read_flag(reader: Reader, nodes: Mapping[str, Node], key: str, name: str) -> bool:
    return bool(reader.flag(nodes[name], f"{key}.{name}")) if name in nodes else False


def _read_port(reader: Reader, nodes: Mapping[str, Node], key: str) -> int:
    port = reader.integer(nodes["port"], f"{key}.port") if "port" in nodes else None
    if port is not None and not 1 <= port <= MAX_PORT:
        reader.refuse(
            reader.place(nodes["port"], f"{key}.port"), f"{port}: must be 1 to {MAX_PORT}"
        )
    return SMTP_PORT if port is None else port


def _read_security(reader: Reader, nodes: Mapping[str, Node], key: str) -> SmtpSecurity:
    if "security" not in nodes:
        return SmtpSecurity.STARTTLS
    words = [security.value for security in SmtpSecurity]
    word = reader.word(nodes["security"], f"{key}.security", words)
    return SmtpSecurity.STARTTLS if word is None else SmtpSecurity(word)


def _read_rate(reader: Reader, nodes: Mapping[str, Node], key: str) -> float:
    if "messages_per_s" not in nodes:
        return 1.0
    rate = reader.number(nodes["messages_per_s"], f"{key}.messages_per_s")
    if rate is not None and not 0 < rate <= MAX_MESSAGES_PER_S:
        place = reader.place(nodes["messages_per_s"], f"{key}.messages_per_s")
        reader.refuse(place, f"{rate:g}: must be above 0, {MAX_MESSAGES_PER_S:g} at most")
    return 1.0 if rate is None else rate
