"""`ntp-checker dashboard`: pages and API over the database, and nothing else."""

from ntp_checker import __version__
from ntp_checker.config import Settings
from ntp_checker.resources import command_name
from ntp_checker.service import database
from ntp_checker.simulated import is_simulated
from ntp_checker.store.pool import open_act_pool, open_reader_pool
from ntp_checker.web import create_app
from ntp_checker.web.server import serve


def run_dashboard(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises ConfigError, StoreError where it can't start."""
    with database(settings) as url:
        read_url = settings.database_read_url or url
        # The mark speaks for the folder's own database, for no other.
        simulated = (
            settings.database_url is None and read_url == url and is_simulated(settings.data_dir)
        )
        serve(
            lambda: create_app(
                read_pool=open_reader_pool(read_url),
                act_pool=open_act_pool(url),
                interval_s=settings.interval_s,
                version=__version__,
                command=command_name(),
                public_url=settings.public_url,
                simulated=simulated,
            ),
            settings.listen.host,
            settings.listen.port,
        )
