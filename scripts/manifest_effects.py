"""What a rendering must hold: each component's effect, by name, and what is true of all of them.

kustomize says nothing when a patch's target is not there. Resources are the documents of one
rendering; a mistake is one line for a person.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Resource = dict[str, Any]

#: Kinds of our renderings that no namespace holds.
CLUSTER_KINDS = frozenset({"Namespace", "ClusterIssuer"})
#: Two components of which an overlay takes one: both say where the database is, or one has the other.
EXCLUSIVE = frozenset(
    {
        frozenset({"cloudnativepg", "external-database"}),
        frozenset({"hardened", "network-policies"}),
        frozenset({"hardened", "availability"}),
    }
)
WORKLOADS = ("Deployment", "StatefulSet")
_DATABASE_FOLDER = "/run/secrets/database"


def mistakes_in(components: Sequence[str], resources: Sequence[Resource]) -> Iterator[str]:
    """What the rendering of these components lacks or has too much."""
    yield from general_mistakes(resources)
    if "hardened" in components:
        yield from namespace_mistakes(resources)
    for component, effect in EFFECTS.items():
        mistakes = list(effect(resources))
        if component in components:
            yield from (f"{component}: {mistake}" for mistake in mistakes)
        elif not mistakes and frozenset({component, "hardened"}) not in EXCLUSIVE:
            yield f"{component}: is there without being listed"


def namespace_mistakes(resources: Sequence[Resource]) -> Iterator[str]:
    """Objects outside the namespace of the rendering's Namespace, or without any."""
    names = [found["metadata"]["name"] for found in resources if found["kind"] == "Namespace"]
    if len(names) != 1:
        yield f"one Namespace is wanted, not {names}"
    for resource in resources:
        namespace = resource["metadata"].get("namespace")
        if resource["kind"] not in CLUSTER_KINDS and [namespace] != names:
            yield f"{_title(resource)} has the namespace {namespace}, not {' or '.join(names)}"


def certificate_mistakes(resources: Sequence[Resource]) -> Iterator[str]:
    """Secrets that both a Certificate of ours and the Ingress's annotation would fill."""
    made = {
        found["spec"]["secretName"]: found for found in resources if found["kind"] == "Certificate"
    }
    for ingress in (found for found in resources if found["kind"] == "Ingress"):
        annotations = ingress["metadata"].get("annotations", {})
        if not any(key.startswith("cert-manager.io/") for key in annotations):
            continue
        for entry in ingress["spec"].get("tls", ()):
            if entry["secretName"] in made:
                other = _title(made[entry["secretName"]])
                yield f"{other} and {_title(ingress)} both make the Secret {entry['secretName']}"


def general_mistakes(resources: Sequence[Resource]) -> Iterator[str]:
    """What no rendering of ours may have: a second checker, two who count or fill the same, lost mounts."""
    yield from certificate_mistakes(resources)
    for name in ("ntp-checker", "ntp-dashboard"):
        found = [one["kind"] for one in _workloads(resources) if one["metadata"]["name"] == name]
        if len(found) != 1:
            yield f"one workload {name} is wanted, not {found or 'none'}"
    for workload in _workloads(resources):
        yield from _volume_mistakes(workload)
    for scaler in (one for one in resources if one["kind"] == "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        scaled = _one(resources, target["kind"], target["name"])
        if scaled is None:
            yield f"{_title(scaler)} scales nothing"
        elif "replicas" in scaled["spec"]:
            yield f"{_title(scaled)} sets replicas, and so does its autoscaler"
    admitted = _one(resources, "NetworkPolicy", "ntp-dashboard-visitors")
    for route in (one for one in resources if one["kind"] == "HTTPRoute"):
        for parent in route["spec"]["parentRefs"]:
            if admitted is not None and parent["namespace"] not in _admitted(admitted):
                yield f"{_title(admitted)} keeps out the Gateway of {parent['namespace']}"


def _volume_mistakes(workload: Resource) -> Iterator[str]:
    pod = workload["spec"]["template"]["spec"]
    names = [volume["name"] for volume in pod["volumes"]]
    names += [
        claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())
    ]
    if len(names) != len(set(names)):
        yield f"{_title(workload)} has a volume twice: {sorted(names)}"
    for container in _containers(pod):
        for mount in container.get("volumeMounts", ()):
            if mount["name"] not in names:
                yield f"{_title(workload)}, {container['name']}: no volume {mount['name']}"


def _admitted(policy: Resource) -> set[str]:
    return {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
    }


def _hardened(resources: Sequence[Resource]) -> Iterator[str]:
    namespaces = [one for one in resources if one["kind"] == "Namespace"]
    if not namespaces:
        yield "no Namespace"
    for found in namespaces:
        if found["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{_title(found)} does not enforce `restricted`"
    yield from _network_policies(resources)
    yield from _availability(resources)


def _network_policies(resources: Sequence[Resource]) -> Iterator[str]:
    denying = _one(resources, "NetworkPolicy", "ntp-checker-default-deny")
    if denying is None:
        yield "nothing denies by default"
        return
    wanted = denying["spec"]["podSelector"]["matchLabels"].items()
    for workload in _workloads(resources):
        if not wanted <= workload["spec"]["template"]["metadata"]["labels"].items():
            yield f"{_title(workload)} has pods that the default policy does not select"
    database = _one(resources, "Cluster", "ntp-database")
    policy = _one(resources, "NetworkPolicy", "ntp-checker-database")
    if database is not None:
        label = {"cnpg.io/cluster": database["metadata"]["name"]}
        peers = policy["spec"]["egress"][0]["to"] if policy is not None else []
        if {"podSelector": {"matchLabels": label}} not in peers:
            yield "the database in the cluster is not reached by its pods' label"


def _availability(resources: Sequence[Resource]) -> Iterator[str]:
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        if _one(resources, kind, "ntp-dashboard") is None:
            yield f"no {kind} ntp-dashboard"


def _external_database(resources: Sequence[Resource]) -> Iterator[str]:
    if _environment(resources, "ntp-dashboard").get("DATABASE_READ_URL_FILE") is None:
        yield "the dashboard has no DATABASE_READ_URL_FILE"


def _cloudnativepg(resources: Sequence[Resource]) -> Iterator[str]:
    if _one(resources, "Cluster", "ntp-database") is None:
        yield "no Cluster ntp-database"
    for workload in _workloads(resources):
        pod = workload["spec"]["template"]["spec"]
        secrets = {
            volume["name"]: volume["secret"] for volume in pod["volumes"] if "secret" in volume
        }
        if any(secret["secretName"] == "ntp-checker-database" for secret in secrets.values()):
            yield f"{_title(workload)} still takes the Secret ntp-checker-database"
        for container in _containers(pod):
            mounts = {one["mountPath"]: one["name"] for one in container.get("volumeMounts", ())}
            secret = secrets.get(mounts.get(_DATABASE_FOLDER, ""), {})
            if (secret.get("secretName"), secret.get("items")) != (
                "ntp-database-app",
                [{"key": "uri", "path": "url"}],
            ):
                yield f"{_title(workload)}, {container['name']}: not the operator's Secret"


def _gateway(resources: Sequence[Resource]) -> Iterator[str]:
    if _one(resources, "HTTPRoute", "ntp-dashboard") is None:
        yield "no HTTPRoute ntp-dashboard"
    yield from _no_ingress(resources)


def _aws(resources: Sequence[Resource]) -> Iterator[str]:
    for workload in _workloads(resources):
        if workload["metadata"]["name"] == "ntp-checker":
            account = workload["spec"]["template"]["spec"].get("serviceAccountName")
            if account is None or _one(resources, "ServiceAccount", account) is None:
                yield f"{_title(workload)} has the service account {account}"


def _external_secrets(resources: Sequence[Resource]) -> Iterator[str]:
    for part in ("database", "ses", "ssh", "dashboard"):
        if _one(resources, "ExternalSecret", f"ntp-checker-{part}") is None:
            yield f"no ExternalSecret ntp-checker-{part}"


def _spool_volume(resources: Sequence[Resource]) -> Iterator[str]:
    checker = _one(resources, "StatefulSet", "ntp-checker")
    if checker is None:
        yield "the checker is no StatefulSet"
        return
    claims = [one["metadata"]["name"] for one in checker["spec"].get("volumeClaimTemplates", ())]
    if claims != ["spool"]:
        yield f"the claims are {claims}"
    if _one(resources, "Service", checker["spec"]["serviceName"]) is None:
        yield f"no Service {checker['spec']['serviceName']}"


def _nodeport(resources: Sequence[Resource]) -> Iterator[str]:
    service = _one(resources, "Service", "ntp-dashboard")
    if service is None or service["spec"]["type"] != "NodePort":
        yield "the Service ntp-dashboard is no NodePort"
    if "NTP_CHECKER_PUBLIC_URL" in _environment(resources, "ntp-dashboard"):
        yield "the dashboard still has its https name"
    yield from _no_ingress(resources)


def _no_ingress(resources: Sequence[Resource]) -> Iterator[str]:
    if _one(resources, "Ingress", "ntp-dashboard") is not None:
        yield "the Ingress is still there"


#: A folder of deploy/components without an entry here is a mistake of check_manifests.
EFFECTS: dict[str, Callable[[Sequence[Resource]], Iterator[str]]] = {
    "availability": _availability,
    "aws": _aws,
    "cloudnativepg": _cloudnativepg,
    "external-database": _external_database,
    "external-secrets": _external_secrets,
    "gateway": _gateway,
    "hardened": _hardened,
    "network-policies": _network_policies,
    "nodeport": _nodeport,
    "spool-volume": _spool_volume,
}


def _title(resource: Resource) -> str:
    return f"{resource['kind']} {resource['metadata']['name']}"


def _one(resources: Sequence[Resource], kind: str, name: str) -> Resource | None:
    for resource in resources:
        if (resource["kind"], resource["metadata"]["name"]) == (kind, name):
            return resource
    return None


def _workloads(resources: Sequence[Resource]) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] in WORKLOADS]


def _containers(pod: Resource) -> list[Resource]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def _environment(resources: Sequence[Resource], workload: str) -> dict[str, str]:
    """Of the workload's first container."""
    for resource in _workloads(resources):
        if resource["metadata"]["name"] == workload:
            container = resource["spec"]["template"]["spec"]["containers"][0]
            return {entry["name"]: entry.get("value", "") for entry in container.get("env", ())}
    return {}
