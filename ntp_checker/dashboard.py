"""`ntp-checker dashboard`: pages and API over the database, and nothing else."""

import secrets

from ntp_checker import __version__
from ntp_checker.config import Settings, check_sign_in
from ntp_checker.database_urls import database_read_url
from ntp_checker.model import Auth
from ntp_checker.resources import command_name
from ntp_checker.secret_key import kept_secret_key
from ntp_checker.service import database
from ntp_checker.simulated import is_simulated
from ntp_checker.store.pool import open_act_pool, open_reader_pool
from ntp_checker.web import create_app
from ntp_checker.web.basic import Passwords
from ntp_checker.web.server import serve


def run_dashboard(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises ConfigError, StoreError where it can't start."""
    check_sign_in(settings)
    with database(settings) as url:
        read_url = database_read_url(settings)
        secret_key = _secret_key(settings)
        # The mark speaks for the folder's own database, for no other.
        simulated = (
            settings.database_url is None and read_url is None and is_simulated(settings.data_dir)
        )
        serve(
            lambda: create_app(
                read_pool=open_reader_pool(url if read_url is None else read_url),
                act_pool=open_act_pool(url),
                passwords=Passwords(settings.users) if settings.sign_in is Auth.BASIC else None,
                secret_key=secret_key,
                interval_s=settings.interval_s,
                version=__version__,
                command=command_name(),
                public_url=settings.public_url,
                simulated=simulated,
            ),
            settings.listen.host,
            settings.listen.port,
        )


def _secret_key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return settings.secret_key
    if settings.embedded:
        return kept_secret_key(settings.data_dir)
    # Where nobody signs in, what is lost at a restart is a form that stands open.
    return secrets.token_hex(32)
