"""The settings file while the checker runs: new content is found, awaited whole, and checked."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from ntp_checker.config.configuration import load_configuration
from ntp_checker.config.document import read_bytes
from ntp_checker.config.environment import CONFIG_VARIABLE
from ntp_checker.config.settings import Settings
from ntp_checker.errors import ConfigError

log = structlog.get_logger()

#: An editor's save is seen within this time; a stat of one file costs nothing.
POLL_S = 5.0
#: The file must stand still for this long: who writes it may be in the middle.
SETTLE_S = 1.0

_Signature = tuple[int, int, int, int]


class SettingsFile:
    """The file that NTP_CHECKER_CONFIG names, from the moment this is made."""

    def __init__(
        self, environ: Mapping[str, str], *, poll_s: float = POLL_S, settle_s: float = SETTLE_S
    ) -> None:
        self._environ = dict(environ)
        self._name = environ.get(CONFIG_VARIABLE, "").strip()
        self._poll_s = poll_s
        self._settle_s = settle_s
        self._seen = self._signature()
        self._asked = asyncio.Event()

    @property
    def is_named(self) -> bool:
        """False where there is no file, only the environment."""
        return bool(self._name)

    def ask(self) -> None:
        """Looks at the file now, changed or not."""
        self._asked.set()

    async def changed(self, on_refused: Callable[[], None] = lambda: None) -> Settings:
        """The settings as soon as the file has new and good content; it may take for ever.

        A file that is broken, empty or gone is logged once, with every mistake, and passed over,
        with a call of `on_refused`.
        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._asked.wait()
            signature = self._signature()
            if signature == self._seen and not self._asked.is_set():
                continue
            content = await self._settled(signature, on_refused)
            if content is None:
                continue
            self._asked.clear()
            self._seen = signature
            try:
                # 10,000 hosts take a second or two, in which looks go on.
                return await asyncio.to_thread(self._load, content)
            except ConfigError as error:
                log.error(  # noqa: TRY400 - the mistakes say all
                    "settings file refused, the last good settings stay in force",
                    file=self._name,
                    mistakes=str(error).splitlines(),
                )
                on_refused()

    def _load(self, content: bytes) -> Settings:
        if not content.strip():
            # What a writer leaves for a moment, and nobody means: it would end all watching.
            raise ConfigError(f"{self._name}: it is empty: write `hosts: []` for no host")
        return load_configuration(self._environ, content).settings

    async def _settled(
        self, signature: _Signature | None, on_refused: Callable[[], None]
    ) -> bytes | None:
        """The content if it stays the same for a while; None if it does not, or is not there."""
        before = await asyncio.to_thread(self._read)
        await asyncio.sleep(self._settle_s)
        after = await asyncio.to_thread(self._read)
        if self._signature() != signature or before != after:
            return None
        if isinstance(after, bytes):
            return after
        self._asked.clear()
        self._seen = signature
        log.error(
            "settings file can't be read, the last good settings stay in force",
            file=self._name,
            reason=after,
        )
        on_refused()
        return None

    def _read(self) -> bytes | str:
        """The content, or why there is none."""
        try:
            return read_bytes(Path(self._name).expanduser())
        except (OSError, ValueError, RuntimeError) as error:
            return str(error)

    def _signature(self) -> _Signature | None:
        """Changes with the content; follows links, as a mounted ConfigMap swaps its folder's."""
        try:
            found = Path(self._name).expanduser().stat()
        except (OSError, ValueError, RuntimeError):
            return None
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
