"""What the views stand on, made once by create_app and passed to them."""

from dataclasses import dataclass, field
from threading import BoundedSemaphore

from ntp_checker.metrics import DashboardMetrics
from ntp_checker.store.pool import ActPool, ReaderPool
from ntp_checker.web.assets import Assets

#: charts computed at the same time; the other threads stay free for pages and health
CHARTS_AT_ONCE = 3
#: and asked for, together with those that wait for their turn
CHARTS_ASKED = 5
#: whole lists of alerts written at the same time: each holds a thread while its client reads
EXPORTS_AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The dashboard's parts."""

    read_pool: ReaderPool
    act_pool: ActPool | None  #: for what changes something; None where nothing can be changed
    interval_s: float  #: of hosts whose own interval is not stored
    version: str
    command: str  #: how people call ntp-checker here
    assets: Assets
    metrics: DashboardMetrics
    is_https: bool  #: people reach the dashboard over https
    is_simulated: bool  #: no real host is behind these samples: every page and answer says so
    charts_asked: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(CHARTS_ASKED))
    charts: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(CHARTS_AT_ONCE))
    exports: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(EXPORTS_AT_ONCE))
