// Reads manifests, one JSON document a line, and holds custom resources against their projects' own
// schemas. Prints a line for each that does not fit or has no schema; exit 1 if there is one.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";

const PACKAGES = {
  "cert-manager.io": "cert-manager",
  "external-secrets.io": "external-secrets",
  "gateway.networking.k8s.io": "gateway-api",
  "monitoring.coreos.com": "prometheus-operator",
  "postgresql.cnpg.io": "cloudnative-pg",
};
// No package has this one: what its documentation says of the fields we use.
const OWN = { "barmancloud.cnpg.io/v1 ObjectStore": "object-store.json" };

const isKubernetesOwn = (group) =>
  !group.includes(".") || (group.endsWith(".k8s.io") && !(group in PACKAGES));

function keysNotIn(value, known, path) {
  if (value === null || typeof value !== "object" || Array.isArray(value) || known === true) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    key in known ? keysNotIn(child, known[key], `${path}.${key}`) : [`${path}.${key}: no such key`],
  );
}

async function mistakesOf(resource) {
  const [group, version] = resource.apiVersion.split("/");
  const name = `${resource.apiVersion} ${resource.kind}`;
  if (isKubernetesOwn(group) || group === "kustomize.config.k8s.io") return [];
  if (name in OWN) {
    const known = JSON.parse(readFileSync(new URL(OWN[name], import.meta.url), "utf8"));
    return keysNotIn(resource.spec, known, "spec");
  }
  if (!(group in PACKAGES)) return ["no schema"];
  let Model;
  try {
    const found = await import(
      `@kubernetes-models/${PACKAGES[group]}/${group}/${version}/${resource.kind}`
    );
    Model = found[resource.kind] ?? found.default?.[resource.kind];
  } catch (error) {
    return [`no schema: ${error.message.split("\n")[0]}`];
  }
  try {
    new Model(resource).validate();
    return [];
  } catch (error) {
    return [error.message];
  }
}

let failed = false;
for await (const line of createInterface({ input: process.stdin })) {
  const resource = JSON.parse(line);
  for (const mistake of await mistakesOf(resource)) {
    failed = true;
    console.log(`${resource.apiVersion} ${resource.kind} ${resource.metadata.name}: ${mistake}`);
  }
}
process.exitCode = failed ? 1 : 0;
