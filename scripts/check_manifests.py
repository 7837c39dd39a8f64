"""Holds the Kubernetes manifests, the pipeline and the compose file against their schemas.

`python -m scripts.check_manifests`: renders the root, the root with each component and with each two
in both orders, the environments and the guide's overlay, and holds them against what they are for.
It reads the result as every supported Kubernetes would, custom resources by their projects' own
schemas, and lets checkov look for what a hardened cluster would refuse. Needs the network once.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from scripts.build_assets import node_command, npm_command
from scripts.manifest_effects import (
    EFFECTS,
    certificate_mistakes,
    general_mistakes,
    mistakes_in,
    namespace_mistakes,
)
from scripts.manifest_renderings import (
    DOCUMENTED,
    ENVIRONMENTS,
    ROOT,
    component_names,
    render_all,
    render_pairs,
)
from tests.rig.packages import PartMissingError
from tests.rig.parts import find_part

SCHEMAS = ROOT / "deploy" / "schemas"
CACHE = ROOT / ".cache"
KUBERNETES_VERSIONS = tuple(f"1.{minor}" for minor in range(29, 38))
#: Read by their projects' own schemas instead.
CUSTOM_GROUPS = (
    "barmancloud.cnpg.io/",
    "cert-manager.io/",
    "external-secrets.io/",
    "gateway.networking.k8s.io/",
    "monitoring.coreos.com/",
    "postgresql.cnpg.io/",
)
#: Of its volume, the spool's file at most: its write-ahead log takes 150 MiB with 1,000 hosts while
#: samples are thinned out (benchmarks/bench_spool.py).
SPOOL_OF_VOLUME = 0.8
SPOOL_DEFAULT_MIB = 8_192
#: What checkov finds and we mean so, with the reason.
EXCEPTIONS = {
    "CKV_K8S_11": "a CPU limit throttles looks for nothing; requests divide the CPU fairly",
    "CKV_K8S_15": "images are named by version and never change under it",
    "CKV_K8S_21": "the namespace is the one of `kubectl apply -n`; the hardened component has one",
    "CKV_K8S_35": "boto3 reads credentials and region from the environment",
    "CKV_K8S_43": "the pipeline deploys by commit; digests belong to an installation, not to us",
}


def main() -> int:
    """1 if anything is wrong, each said in a line."""
    try:
        kustomize = find_part("kustomize")
    except PartMissingError as err:
        print(err, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        rendered = dict(render_all(kustomize, Path(folder)))
        mistakes = [found for found in rendered.values() if isinstance(found, str)]
        files = [path for path in rendered.values() if isinstance(path, Path)]
        pairs = dict(render_pairs(kustomize, Path(folder)))
        mistakes += [found for found in pairs.values() if isinstance(found, str)]
        if not mistakes:
            mistakes += [*effect_mistakes(rendered), *effect_mistakes(pairs)]
            mistakes += [*kubernetes_mistakes(files), *custom_mistakes(files)]
            mistakes += checkov_mistakes(files)
            mistakes += spool_mistakes(files)
    mistakes += schema_mistakes()
    for line in mistakes:
        print(line, file=sys.stderr)
    if not mistakes:
        versions = f"{KUBERNETES_VERSIONS[0]} to {KUBERNETES_VERSIONS[-1]}"
        print(
            f"{len(files)} renderings fit Kubernetes {versions}; {len(pairs)} pairs of components"
        )
    return int(bool(mistakes))


def effect_mistakes(rendered: Mapping[str, Path | str]) -> Iterator[str]:
    """What a rendering lacks of what its components are for; their names are its name."""
    for unknown in set(component_names()) ^ set(EFFECTS):
        yield f"component {unknown}: say in manifest_effects.py what it does"
    for name, path in rendered.items():
        if isinstance(path, str):
            continue
        resources = list(_resources([path]))
        parts = name.split(",")
        if all(part in EFFECTS for part in parts):
            yield from (f"{name}: {line}" for line in mistakes_in(parts, resources))
        elif name == "cert-manager":
            ours = [*resources, *_resources([ROOT / "ingress.yaml"])]
            yield from (f"{name}: {line}" for line in certificate_mistakes(ours))
        elif name == DOCUMENTED or (ENVIRONMENTS / name).is_dir():
            yield from (f"{name}: {line}" for line in namespace_mistakes(resources))
            yield from (f"{name}: {line}" for line in general_mistakes(resources))


def kubernetes_mistakes(files: Sequence[Path]) -> Iterator[str]:
    """What each version's own kinds have against the files; an unknown kind is a mistake."""
    program = Path(sys.executable).with_name("kubernetes-validate")
    for version in KUBERNETES_VERSIONS:
        told = subprocess.run(
            [str(program), "-k", version, "--strict", "--quiet", *map(str, files)],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line for line in (told.stdout + told.stderr).splitlines() if line.strip()]
        found = [line for line in lines if not any(group in line for group in CUSTOM_GROUPS)]
        yield from (f"Kubernetes {version}: {line}" for line in found)
        if told.returncode and not found and not lines:
            yield f"kubernetes-validate -k {version} ended with {told.returncode}"


def custom_mistakes(files: Sequence[Path]) -> list[str]:
    """What other projects' schemas have against our resources of their kinds."""
    place = CACHE / "schemas"
    stamp = place / ".made-from"
    wanted = (SCHEMAS / "package-lock.json").read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SCHEMAS / name, place / name)
        subprocess.run(
            [*npm_command(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=place,
            check=True,
        )
        stamp.write_text(wanted)
    for name in ("validate.js", "object-store.json"):
        shutil.copy(SCHEMAS / name, place / name)
    lines = [json.dumps(resource, default=str) for resource in _resources(files)]
    told = subprocess.run(
        [*node_command(), "validate.js"],
        cwd=place,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    return [*told.stdout.splitlines(), *told.stderr.splitlines()] if told.returncode else []


def spool_mistakes(files: Sequence[Path]) -> Iterator[str]:
    """Checkers whose spool may grow until its volume is too full: then the kubelet ends the pod."""
    for resource in _resources(files):
        spec = resource.get("spec", {})
        pod = spec.get("template", {}).get("spec", {})
        for container in pod.get("containers", ()):
            if container["name"] != "checker":
                continue
            env = {one["name"]: one.get("value", "") for one in container.get("env", ())}
            cap_mib = int(env.get("NTP_CHECKER_SPOOL_MAX_MIB", SPOOL_DEFAULT_MIB))
            sizes = [
                volume["emptyDir"].get("sizeLimit")
                for volume in pod.get("volumes", ())
                if volume["name"] == "spool" and "emptyDir" in volume
            ] + [
                claim["spec"]["resources"]["requests"]["storage"]
                for claim in spec.get("volumeClaimTemplates", ())
                if claim["metadata"]["name"] == "spool"
            ]
            where = f"{resource['kind']} {resource['metadata']['name']}: the spool"
            if not sizes:
                yield f"{where} has no volume"
            for size in sizes:
                if size is not None and cap_mib > SPOOL_OF_VOLUME * _mib(size):
                    yield f"{where} may take {cap_mib} MiB of {size}, its log comes on top"


def _mib(quantity: str) -> float:
    units = {"Mi": 1, "Gi": 1024, "Ti": 1024**2}
    return float(quantity[:-2]) * units[quantity[-2:]]


def _resources(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in files:
        yield from (found for found in yaml.safe_load_all(path.read_text()) if found)


def checkov_mistakes(files: Sequence[Path]) -> list[str]:
    """What checkov finds beyond EXCEPTIONS. It has dependencies of its own, so a place of its own."""
    place = CACHE / "checkov"
    lock = ROOT / "requirements" / "checkov.txt"
    stamp = place / ".made-from"
    if not stamp.is_file() or stamp.read_text() != lock.read_text():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
        stamp.write_text(lock.read_text())
    arguments = [argument for path in files for argument in ("-f", str(path))]
    told = subprocess.run(
        [
            str(place / "bin" / "checkov"),
            "--quiet",
            "--compact",
            "--skip-download",
            "--framework=kubernetes",
            f"--skip-check={','.join(EXCEPTIONS)}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    return [*told.stdout.splitlines(), *told.stderr.splitlines()] if told.returncode else []


def schema_mistakes() -> Iterator[str]:
    """The pipeline and the compose file, by the schemas that check-jsonschema carries."""
    program = Path(sys.executable).with_name("check-jsonschema")
    for schema, name in (
        ("vendor.gitlab-ci", ".gitlab-ci.yml"),
        ("vendor.compose-spec", "compose.yaml"),
    ):
        options = ["--data-transform=gitlab-ci"] if name == ".gitlab-ci.yml" else []
        told = subprocess.run(
            [str(program), "--builtin-schema", schema, *options, str(ROOT / name)],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode:
            yield from (f"{name}: {line}" for line in (told.stdout + told.stderr).splitlines())


if __name__ == "__main__":
    sys.exit(main())
