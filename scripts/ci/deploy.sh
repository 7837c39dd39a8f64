#!/bin/sh
# Rolls this commit's images out, waits until they are ready, and takes them back if they don't get
# so. KUBE_CONTEXT is the agent's; without one kubectl's own default is used.
set -eu
cd "$(dirname "$0")/../.."
kubectl="kubectl --namespace ${KUBE_NAMESPACE:-ntp-checker}"
if [ -n "${KUBE_CONTEXT:-}" ]; then kubectl="$kubectl --context $KUBE_CONTEXT"; fi
wait_s=${ROLLOUT_WAIT_S:-300}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in deployment.yaml service.yaml ingress.yaml kustomization.yaml; do
    cp "$file" "$work/"
done
(
    cd "$work"
    for part in checker dashboard; do
        kustomize edit set image \
            "registry.example.com/ntp-checker/$part=$CI_REGISTRY_IMAGE/$part:$CI_COMMIT_SHA"
    done
    # Hosts and limits are the installation's own, and stay as they are.
    printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'metadata: {name: ntp-checker}' \
        "\$patch: delete" >without-hosts.yaml
    kustomize edit add patch --path without-hosts.yaml
)
kustomize build "$work" >"$work/all.yaml"
$kubectl apply --filename "$work/all.yaml"

failed=''
for name in ntp-checker ntp-dashboard; do
    $kubectl rollout status "deployment/$name" --timeout "${wait_s}s" || failed="$failed $name"
done
if [ -n "$failed" ]; then
    echo "not ready within $wait_s s:$failed; taking the rollout back" >&2
    for name in ntp-checker ntp-dashboard; do
        $kubectl rollout undo "deployment/$name"
        $kubectl rollout status "deployment/$name" --timeout "${wait_s}s"
    done
    exit 1
fi
