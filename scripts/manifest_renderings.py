"""What kustomize makes of the root, of its components, of the environments and of the guide's overlay."""

import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from scripts.manifest_effects import EXCLUSIVE

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = ROOT / "deploy" / "components"
#: An installation each, as the pipeline deploys them.
ENVIRONMENTS = ROOT / "deploy" / "environments"
#: What an overlay calls the checkout that it lies beside.
CHECKOUT = "ntp-checker"
#: The overlay of the operations guide.
DOCUMENTED = "my-cluster"


def render_all(kustomize: Path, folder: Path) -> Iterator[tuple[str, Path | str]]:
    """Each rendering's name with its file, or with what kustomize has against it."""
    yield "root", _render(kustomize, ROOT, folder / "root.yaml")
    for name in ("cert-manager", "monitoring"):
        yield name, _render(kustomize, ROOT / "deploy" / name, folder / f"{name}.yaml")
    for component in component_names():
        yield component, _render_overlay(kustomize, folder, [component])
    (folder / CHECKOUT).symlink_to(ROOT)
    yield DOCUMENTED, _render_beside(kustomize, folder, DOCUMENTED, documented_overlay())
    for environment in sorted(ENVIRONMENTS.iterdir()):
        text = (environment / "kustomization.yaml").read_text()
        yield environment.name, _render_beside(kustomize, folder, environment.name, text)


def render_pairs(kustomize: Path, folder: Path) -> Iterator[tuple[str, Path | str]]:
    """As render_all: two components each, in both orders, named `first,second`."""
    for pair in itertools.permutations(component_names(), 2):
        if frozenset(pair) not in EXCLUSIVE:
            yield ",".join(pair), _render_overlay(kustomize, folder, pair)


def documented_overlay() -> str:
    """The overlay that the operations guide shows."""
    lines = (ROOT / "docs" / "operations.md").read_text().splitlines()
    start = lines.index(f"    # {DOCUMENTED}/kustomization.yaml")
    block = itertools.takewhile(lambda line: line.startswith("    "), lines[start:])
    return "\n".join(line.removeprefix("    ") for line in block)


def component_names() -> list[str]:
    """The folders of deploy/components."""
    return sorted(path.name for path in COMPONENTS.iterdir())


def _render_overlay(kustomize: Path, folder: Path, components: Sequence[str]) -> Path | str:
    """An overlay with these; it says the namespace itself where `hardened` is not the last."""
    name = ",".join(components)
    place = folder / name
    place.mkdir()
    root = os.path.relpath(ROOT, place.resolve())
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [root],
        "components": [f"{root}/deploy/components/{component}" for component in components],
    }
    if "hardened" in components[:-1]:
        kustomization["namespace"] = "elsewhere"
    (place / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return _render(kustomize, place, folder / f"{name}.yaml")


def _render_beside(kustomize: Path, folder: Path, name: str, kustomization: str) -> Path | str:
    """A folder that lies beside the checkout, as an installation's own does."""
    (folder / name).mkdir()
    (folder / name / "kustomization.yaml").write_text(kustomization)
    return _render(kustomize, folder / name, folder / f"{name}.yaml")


def _render(kustomize: Path, place: Path, target: Path) -> Path | str:
    built = subprocess.run(
        [str(kustomize), "build", str(place)], capture_output=True, text=True, check=False
    )
    if built.returncode:
        return f"kustomize build {place.name}: {built.stderr.strip()}"
    target.write_text(built.stdout)
    return target
