"""The channels of the settings, ready to send."""

from collections.abc import Callable

from ntp_checker.errors import ConfigError, SendError
from ntp_checker.model import ChannelKind, ChannelSettings
from ntp_checker.notify.apprise import AppriseChannel
from ntp_checker.notify.channel import Channel
from ntp_checker.notify.http import Poster
from ntp_checker.notify.pagerduty import EVENTS_URL, PagerDutyChannel
from ntp_checker.notify.ses import SesChannel, SesClient
from ntp_checker.notify.slack import SlackChannel
from ntp_checker.notify.smtp import SmtpChannel
from ntp_checker.notify.webhook import WebhookChannel
from ntp_checker.reach import Reach


def open_channel(settings: ChannelSettings, *, ses_client: Callable[[], SesClient]) -> Channel:
    """Makes the channel; nothing is sent, and nobody is asked.

    `ses_client` gives the process's one client; called for channels of kind ses only. Raises
    ConfigError, naming the channel.
    """
    try:
        return _open(settings, ses_client)
    except SendError as err:
        raise ConfigError(f"channel {settings.name}: {err.detail}") from err


def _open(settings: ChannelSettings, ses_client: Callable[[], SesClient]) -> Channel:
    name = settings.name
    match settings.kind:
        case ChannelKind.SES:
            return SesChannel(
                name=name,
                client=ses_client(),
                sender=settings.sender,
                recipients=settings.recipients,
                configuration_set=settings.configuration_set,
                tags=dict(settings.tags),
            )
        case ChannelKind.SMTP:
            return SmtpChannel(
                name=name,
                host=settings.host,
                port=settings.port,
                security=settings.security,
                sender=settings.sender,
                recipients=settings.recipients,
                user=settings.user,
                password=settings.password,
            )
        case ChannelKind.WEBHOOK:
            return WebhookChannel(
                name=name, url=settings.url or "", poster=_poster(settings), secret=settings.secret
            )
        case ChannelKind.SLACK:
            return SlackChannel(name=name, url=settings.url or "", poster=_poster(settings))
        case ChannelKind.PAGERDUTY:
            return PagerDutyChannel(
                name=name,
                routing_key=settings.secret or "",
                poster=_poster(settings),
                url=settings.url or EVENTS_URL,
            )
        case ChannelKind.APPRISE:
            return AppriseChannel(name=name, urls=settings.urls)


def _poster(settings: ChannelSettings) -> Poster:
    return Poster(reach=Reach.INWARD_TOO if settings.allow_private else Reach.OUTWARD)
