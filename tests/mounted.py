"""A folder as kubelet mounts Secrets and ConfigMaps: all of it changes at once, by a link."""

from itertools import count
from pathlib import Path
from shutil import rmtree


class MountedFolder:
    """Files are links through `..data`, which leads to a folder that is another one each time."""

    def __init__(self, path: Path, **files: str) -> None:
        self.path = path
        self._numbers = count(1)
        path.mkdir()
        self.write(**files)

    def write(self, **files: str) -> None:
        """These files and no others, of mode 0400; the old content is gone afterwards."""
        data = self.path / "..data"
        old = data.resolve() if data.is_symlink() else None
        new = self.path / f"..2026_{next(self._numbers)}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text)
            (new / name).chmod(0o400)
        link = self.path / "..data_tmp"
        link.symlink_to(new.name)
        link.replace(data)
        for name in files:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        if old is not None:
            rmtree(old)

    def __truediv__(self, name: str) -> Path:
        return self.path / name
