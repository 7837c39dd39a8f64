"""Static files: read once, named by their content, compressed once."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

_STATIC_FOLDER = Path(__file__).parent / "static"
#: enough hex digits that two contents never share a name
_HASH_DIGITS = 12
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: `from "./units.js"` in one of our own modules
_MODULE_IMPORT = re.compile(rb'(from "\./)([a-z]+\.js)(")')


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One static file, ready to be sent."""

    name: str  #: e.g. `app.3f2a9c0d1e77.js`
    content_type: str
    body: bytes
    body_gzip: bytes


class Assets:
    """All static files, found by their plain path (`app.js`, `vendor/plotly.css`)."""

    def __init__(self, folder: Path = _STATIC_FOLDER) -> None:
        """Reads everything below `folder`; a missing vendor file is logged, not fatal."""
        self._folder = folder
        self._by_path: dict[str, Asset] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix in _CONTENT_TYPES and path.is_file():
                self._load(path.relative_to(folder).as_posix())
        self._by_name = {asset.name: asset for asset in self._by_path.values()}
        if "vendor/plotly-basic.min.js" not in self._by_path:
            log.warning("chart library is not there, pages will have no charts")

    def named(self, name: str) -> Asset | None:
        """The asset with this hashed name."""
        return self._by_name.get(name)

    def url(self, path: str) -> str:
        """Where `path` is served; empty for a file that is not there."""
        asset = self._by_path.get(path)
        return f"/static/{asset.name}" if asset else ""

    def _load(self, path: str) -> Asset:
        known = self._by_path.get(path)
        if known:
            return known
        body = (self._folder / path).read_bytes()
        if "/" not in path and path.endswith(".js"):
            # Modules import each other by name, and the names carry hashes.
            body = _MODULE_IMPORT.sub(self._hashed_import, body)
        digest = hashlib.sha256(body).hexdigest()[:_HASH_DIGITS]
        stem, _, suffix = path.rpartition("/")[2].rpartition(".")
        asset = Asset(
            name=f"{stem}.{digest}.{suffix}",
            content_type=_CONTENT_TYPES[f".{suffix}"],
            body=body,
            body_gzip=gzip.compress(body, compresslevel=9, mtime=0),
        )
        self._by_path[path] = asset
        return asset

    def _hashed_import(self, match: re.Match[bytes]) -> bytes:
        imported = self._load(match[2].decode())
        return match[1] + imported.name.encode() + match[3]
