"""Whether the components of deploy/components do what they are for, in whatever order they are listed."""

import os
import subprocess
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "ntp-checker"
#: Those that change what another one may change, or must reach what another one adds.
ENTANGLED = ("aws", "cloudnativepg", "external-database", "gateway", "hardened", "spool-volume")
_WITHOUT_NAMESPACE = ("Namespace",)

Resource = dict[str, Any]


def component_mistakes(kustomize: Path, folder: Path) -> Iterator[str]:
    """What is wrong in a rendering with two components, for each two and both orders."""
    for pair in permutations(ENTANGLED, 2):
        place = folder / "-".join(pair)
        place.mkdir()
        root = os.path.relpath(ROOT, place.resolve())
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": NAMESPACE,
            "resources": [root],
            "components": [f"{root}/deploy/components/{name}" for name in pair],
        }
        (place / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        built = subprocess.run(
            [str(kustomize), "build", str(place)], capture_output=True, text=True, check=False
        )
        if built.returncode:
            yield f"components {pair}: {built.stderr.strip()}"
            continue
        resources = [found for found in yaml.safe_load_all(built.stdout) if found]
        yield from (f"components {pair}: {line}" for line in mistakes_in(pair, resources))


def mistakes_in(components: tuple[str, ...], resources: list[Resource]) -> Iterator[str]:
    """What these components should have done to the rendering, and did not."""
    for resource in resources:
        namespace = resource["metadata"].get("namespace")
        if resource["kind"] not in _WITHOUT_NAMESPACE and namespace != NAMESPACE:
            yield f"{resource['kind']} {resource['metadata']['name']} is in no namespace of ours"
    pods = {
        (one["kind"], one["metadata"]["name"]): one["spec"]["template"]["spec"]
        for one in resources
        if one["kind"] in ("Deployment", "StatefulSet")
    }
    wanted = "StatefulSet" if "spool-volume" in components else "Deployment"
    if set(pods) != {(wanted, "ntp-checker"), ("Deployment", "ntp-dashboard")}:
        yield f"the workloads are {sorted(pods)}"
        return
    checker = pods[wanted, "ntp-checker"]
    has_own_spool = "spool" in {volume["name"] for volume in checker["volumes"]}
    if has_own_spool == ("spool-volume" in components):
        yield "the spool is not the volume it should be"
    if (checker.get("serviceAccountName") == "ntp-checker") != ("aws" in components):
        yield f"the checker's service account is {checker.get('serviceAccountName')}"
    secret = "ntp-database-app" if "cloudnativepg" in components else "ntp-checker-database"
    for (kind, name), pod in pods.items():
        volumes = {one["name"]: one.get("secret", {}).get("secretName") for one in pod["volumes"]}
        containers = [*pod.get("initContainers", ()), *pod["containers"]]
        for container in containers:
            mounted = [
                volumes[mount["name"]]
                for mount in container["volumeMounts"]
                if mount["mountPath"] == "/run/secrets/database"
            ]
            if mounted != [secret]:
                yield f"{kind} {name}, {container['name']}: the database's Secret is {mounted}"
    is_routed = any(one["kind"] == "HTTPRoute" for one in resources)
    if is_routed != ("gateway" in components):
        yield "HTTPRoute is not there by `gateway`, and by it alone"
