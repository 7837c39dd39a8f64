"""Whether a dashboard may start with the sign-in that is set."""

from ipaddress import ip_address

from ntp_checker.config.environment import variable_of
from ntp_checker.config.settings import Settings
from ntp_checker.errors import ConfigError
from ntp_checker.model import Auth
from ntp_checker.resources import command_name


def check_sign_in(settings: Settings) -> None:
    """Before a dashboard starts. Raises ConfigError where strangers could change something, where
    nobody could sign in, or where several dashboards would sign with a key each.
    """
    check_listen(settings)
    if settings.sign_in is Auth.NONE:
        return
    if not settings.users:
        raise ConfigError(
            f"{variable_of('auth')}: basic needs a user: set {variable_of('users')} to what "
            f"`{command_name()} user hash NAME --role act` prints"
        )
    if not settings.embedded and settings.secret_key is None:
        raise ConfigError(
            f"{variable_of('secret_key')}: not set, and with {variable_of('embedded')}=0 no key is "
            "made here: all dashboards need the same; `openssl rand -hex 32` makes one"
        )


def check_listen(settings: Settings) -> None:
    """Raises ConfigError where a dashboard without sign-in would listen beyond loopback."""
    if settings.sign_in is not Auth.NONE or settings.auth_none_anywhere:
        return
    if not _is_loopback(settings.listen.host):
        raise ConfigError(
            f"{variable_of('listen')}: {settings.listen} is no loopback address, and without "
            f"sign-in everybody there could change something: set {variable_of('auth')}=basic, "
            f"or {variable_of('auth_none_anywhere')}=1 if something in front asks for a sign-in"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
