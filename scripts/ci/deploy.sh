#!/bin/sh
# Rolls this commit's images out, waits until they are ready, and takes them back if they don't get so.
# KUSTOMIZATION is the folder of this installation (the root where it names none), KUBE_CONTEXT the
# agent's; without one kubectl's own default is used.
set -eu
cd "$(dirname "$0")/../.."
kubectl="kubectl --namespace ${KUBE_NAMESPACE:-ntp-checker}"
if [ -n "${KUBE_CONTEXT:-}" ]; then kubectl="$kubectl --context $KUBE_CONTEXT"; fi
wait_s=${ROLLOUT_WAIT_S:-300}
here=$(basename "$PWD")

# Beside the checkout, as kustomize refuses an overlay below its own base.
work=$(mktemp -d "$PWD/../ntp-checker-deploy.XXXXXX")
trap 'rm -rf "$work"' EXIT
(
    cd "$work"
    kustomize create --resources "../$here/${KUSTOMIZATION:-}"
    for part in checker dashboard; do
        kustomize edit set image \
            "registry.example.com/ntp-checker/$part=$CI_REGISTRY_IMAGE/$part:$CI_COMMIT_SHA"
    done
)
# Hosts and limits are the installation's own: what is there stays as it is.
if $kubectl get configmap/ntp-checker >/dev/null 2>&1; then
    printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'metadata: {name: ntp-checker}' \
        "\$patch: delete" >"$work/without-hosts.yaml"
    (cd "$work" && kustomize edit add patch --path without-hosts.yaml)
else
    echo "no ConfigMap ntp-checker yet: it is made from ${KUSTOMIZATION:-the example}, edit its hosts afterwards" >&2
fi
kustomize build "$work" >"$work/all.yaml"

# A checker of the other kind would go on beside this one, and everybody be told twice.
checker=deployment/ntp-checker other=statefulset/ntp-checker
if grep -q '^kind: StatefulSet$' "$work/all.yaml"; then
    checker=statefulset/ntp-checker other=deployment/ntp-checker
fi
if $kubectl get "$other" >/dev/null 2>&1; then
    echo "$other is there, and this would add $checker: delete it first, or set KUSTOMIZATION" >&2
    exit 1
fi
$kubectl apply --filename "$work/all.yaml"

failed=''
for name in "$checker" deployment/ntp-dashboard; do
    $kubectl rollout status "$name" --timeout "${wait_s}s" || failed="$failed $name"
done
[ -n "$failed" ] || exit 0
echo "not ready within $wait_s s:$failed; taking the rollout back" >&2
for name in "$checker" deployment/ntp-dashboard; do
    $kubectl rollout undo "$name" || echo "$name: can't be taken back" >&2
done
for name in "$checker" deployment/ntp-dashboard; do
    $kubectl rollout status "$name" --timeout "${wait_s}s" || echo "$name: not ready, taken back or not" >&2
done
exit 1
