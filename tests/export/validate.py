"""Renders the overlays of one export with kubectl and holds what comes out against schemas, kubectl's own reading and a few rules of
ours. Run by tests/export/validate.sh.

usage: validate.py PROFILE EXPORT KUBECTL…
"""

import base64
import importlib.resources
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

import discovery

# What an export is written for: the first version whose pods can wait before they end without a program that sleeps.
OLDEST = (1, 30)
# Kubectl 1.21 has the first Kustomize that knows components.
COMPONENTS = (1, 21)
RENDERED = {"base": "base", "dev": "overlays/dev", "production": "overlays/production"}
# Kinds that a cluster learns from someone else: no version of Kubernetes has a schema of them.
FOREIGN = {"ServiceMonitor"}


def fail(text):
    sys.exit(f"error: {text}")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def version_of(kubectl):
    text = json.loads(run(kubectl, "version", "--client", "-o", "json"))["clientVersion"]["gitVersion"]
    return tuple(map(int, re.match(r"v(\d+)\.(\d+)", text).groups()))


def render(export, kubectls):
    """The objects of each overlay, and of production with what a Prometheus operator wants, which every kubectl puts together alike."""
    able = {version: kubectl for kubectl, version in kubectls.items() if version >= COMPONENTS}
    if not able:
        fail("no kubectl of 1.21 or newer, whose Kustomize knows components")
    monitored = export / "overlays/monitored"
    monitored.mkdir(exist_ok=True)
    (monitored / "kustomization.yaml").write_text("resources: [../production]\ncomponents: [../../components/service-monitor]\n")
    folder = export / "rendered"
    folder.mkdir(exist_ok=True)
    rendered = {}
    for name, path in {**RENDERED, "monitored": "overlays/monitored"}.items():
        texts = {version: run(kubectl, "kustomize", str(export / path)) for version, kubectl in able.items()}
        if len(set(texts.values())) > 1:
            fail(f"{name} is not the same from the kubectls {sorted(texts)}")
        text = texts[max(texts)]
        (folder / f"{name}.yaml").write_text(text)
        rendered[name] = list(yaml.safe_load_all(text))
    print(f"  rendered alike by kubectl {', '.join(dotted(version) for version in sorted(able))}")
    return rendered


def dotted(version):
    return ".".join(map(str, version))


def versions():
    """The oldest and the newest version that there are schemas of, from OLDEST on."""
    names = [entry.name for entry in importlib.resources.files(kubernetes_validate).joinpath("kubernetes-json-schema").iterdir()]
    found = {tuple(map(int, match.groups())) for name in names if (match := re.match(r"v?(\d+)\.(\d+)", name))}
    known = sorted(version for version in found if version >= OLDEST)
    if known[0] != OLDEST:
        fail(f"there is no schema of {dotted(OLDEST)}")
    return [dotted(version) for version in (known[0], known[-1])]


def hold_against_schemas(rendered):
    for version in versions():
        count = 0
        for name, objects in rendered.items():
            for document in objects:
                if document["kind"] in FOREIGN:
                    continue
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    fail(f"{name}: {document['kind']} {document['metadata']['name']} in {version}: {error.message}")
                count += 1
        print(f"  {count} objects hold against the schemas of {version}")


def hold_against_kubectl(export, rendered, kubectls):
    """Every object is read by every kubectl as the kind it says it is."""
    with discovery.serving() as url, tempfile.TemporaryDirectory() as cache:
        for kubectl, version in kubectls.items():
            command = [kubectl, "--kubeconfig", "/dev/null", "--server", url, "--cache-dir", cache]
            for name, objects in rendered.items():
                file = str(export / f"rendered/{name}.yaml")
                said = run(*command, "apply", "--dry-run=client", "--validate=false", "-f", file)
                taken = said.count("(dry run)")
                if taken != len(objects):
                    fail(f"{name}: kubectl {dotted(version)} takes {taken} of {len(objects)} objects:\n{said}")
            counts = ", ".join(f"{len(objects)} of {name}" for name, objects in rendered.items())
            print(f"  kubectl {dotted(version)} apply --dry-run=client takes {counts}")


def hold_together(rendered):
    """What no schema says: whatever is named is there."""
    for name, objects in rendered.items():
        there = {(document["kind"], document["metadata"]["name"]) for document in objects}
        pods = [document["spec"]["template"] for document in objects if "template" in document.get("spec", {})]
        for pod in pods:
            spec = pod["spec"]
            volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
            for volume in volumes.values():
                if "configMap" in volume and ("ConfigMap", volume["configMap"]["name"]) not in there:
                    fail(f"{name}: no ConfigMap {volume['configMap']['name']}")
                if "persistentVolumeClaim" in volume:
                    claim = volume["persistentVolumeClaim"]["claimName"]
                    if ("PersistentVolumeClaim", claim) not in there:
                        fail(f"{name}: no claim {claim}")
            templates = {
                template["metadata"]["name"]
                for document in objects
                for template in document.get("spec", {}).get("volumeClaimTemplates", [])
            }
            for gate in spec.get("initContainers", []):
                # A pod's `$$` is a shell's `$`.
                run("sh", "-n", "-c", gate["command"][2].replace("$$", "$"))
            for container in spec["containers"] + spec.get("initContainers", []):
                for mount in container.get("volumeMounts", []):
                    if mount["name"] not in volumes.keys() | templates:
                        fail(f"{name}: {container['name']} mounts {mount['name']}, which is nowhere")
        for document in objects:
            if document["kind"] == "Service":
                wanted = document["spec"]["selector"].items()
                if not any(wanted <= pod["metadata"]["labels"].items() for pod in pods):
                    fail(f"{name}: Service {document['metadata']['name']} selects no pod")
        print(f"  {name}: {len(objects)} objects name nothing that is not there")


def named_secrets(value):
    """The Secrets that a manifest refers to, wherever they stand."""
    if isinstance(value, dict):
        keys = [value.get("secretName"), value.get("secretKeyRef", {}).get("name") if "secretKeyRef" in value else None]
        return {key for key in keys if key} | {name for inner in value.values() for name in named_secrets(inner)}
    return {name for inner in value for name in named_secrets(inner)} if isinstance(value, list) else set()


def tell_of_secrets(export, rendered):
    """Every Secret that is referred to is one that the report tells how to make."""
    report = (export / "REPORT.md").read_text()
    told = set(re.findall(r"create secret (?:generic|tls) (\S+)", report))
    named = {name for objects in rendered.values() for name in named_secrets(objects)}
    if named != told:
        fail(f"Secrets that are named: {sorted(named)}, that the report tells of: {sorted(told)}")
    print(f"  the report tells how to make {', '.join(sorted(told))}")


def selected(selector, labels):
    return selector.get("matchLabels", {}).items() <= labels.items()


def allows(policies, side, labels, other, port):
    """Whether policies let a pod be reached by, or reach, another one of its namespace on a port."""
    bound = [policy for policy in policies if side in policy["policyTypes"] and selected(policy["podSelector"], labels)]
    rules = [rule for policy in bound for rule in policy.get(side.lower(), [])]
    peers = {"Ingress": "from", "Egress": "to"}[side]
    inside = [rule for rule in rules if any("podSelector" in peer and selected(peer["podSelector"], other) for peer in rule[peers])]
    return not bound or any("ports" not in rule or port in [one["port"] for one in rule["ports"]] for rule in inside)


def reach(rendered):
    """What a gate asks can be reached as far as policies go: its Service has the port, and both sides let it through. And what nothing
    lets through is not reached: yields whether the web page has no way to the database."""
    for name, objects in rendered.items():
        policies = [document["spec"] for document in objects if document["kind"] == "NetworkPolicy"]
        services = {document["metadata"]["name"]: document["spec"] for document in objects if document["kind"] == "Service"}
        pods = [document["spec"]["template"] for document in objects if "template" in document.get("spec", {})]
        labels = {pod["metadata"]["labels"]["app.kubernetes.io/name"]: pod["metadata"]["labels"] for pod in pods}
        asked = 0
        for pod in pods:
            for gate in pod["spec"].get("initContainers", []):
                for found in re.findall(r"http://([\w-]+):(\d+)|-h ([\w-]+) -p (\d+)", gate["command"][2]):
                    host, port = filter(None, found)
                    own, service = pod["metadata"]["labels"], services[host]
                    target = next(other for other in labels.values() if service["selector"].items() <= other.items())
                    if int(port) not in [one["port"] for one in service["ports"]]:
                        fail(f"{name}: {host} has no port {port}")
                    if not (allows(policies, "Egress", own, target, port) and allows(policies, "Ingress", target, own, port)):
                        fail(f"{name}: no policy lets {own['app.kubernetes.io/name']} reach {host}:{port}")
                    asked += 1
        page, database = labels["streamlit"], labels["db"]
        closed = not allows(policies, "Ingress", database, page, 5432)
        print(f"  {name}: {asked} gates get through the policies{'; the page does not reach the database' if closed else ''}")
        yield closed


def hold_to_profile(rendered):
    """What Pod Security's *restricted* asks, of every pod of a namespace that enforces it."""
    for name, objects in rendered.items():
        for namespace in (document for document in objects if document["kind"] == "Namespace"):
            if namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] != "restricted":
                fail(f"{name}: the namespace is not restricted")
        pods = [document["spec"]["template"]["spec"] for document in objects if "template" in document.get("spec", {})]
        for pod in pods:
            of_pod = pod["securityContext"]
            kinds = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
            containers = pod["containers"] + pod.get("initContainers", [])
            good = (
                of_pod.get("runAsNonRoot") is True
                and of_pod.get("runAsUser") != 0
                and of_pod["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost")
                and kinds <= {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
                and not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
                and not any(port.get("hostPort") for container in containers for port in container.get("ports", []))
            )
            for container in containers:
                context = container["securityContext"]
                capabilities = context.get("capabilities", {})
                good = (
                    good
                    and context.get("allowPrivilegeEscalation") is False
                    and "ALL" in capabilities.get("drop", [])
                    and set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}
                    and not context.get("privileged")
                )
            if not good:
                fail(f"{name}: {pod['containers'][0]['name']} would not be let in")
        print(f"  {name}: {len(pods)} pods pass the restricted profile")


def make_secrets(export):
    """The report's commands are carried out, as far as that needs no cluster, and give the values."""
    report = (export / "REPORT.md").read_text()
    commands = [
        command.removeprefix("$ ")
        for command in re.sub(r" \\\n\s+", " ", report).splitlines()
        if command.startswith("$ kubectl -n") and "create secret generic credentials" in command
    ]
    for command in commands:
        made = yaml.safe_load(run("bash", "-c", f"{command} --dry-run=client -o yaml"))
        for key, value in made["data"].items():
            if not base64.b64decode(value).decode().endswith("that-nobody-guesses"):
                fail(f"{command}: {key} has another value")
        print(f"  the Secret {made['metadata']['name']} is made with {len(made['data'])} values")


def keep_secrets(export):
    values = [os.environ["POSTGRES_PASSWORD"], os.environ["GRAFANA_ADMIN_PASSWORD"]]
    for path in export.rglob("*"):
        if path.is_file() and any(value.encode() in path.read_bytes() for value in values):
            fail(f"{path} holds a password")


def main(profile, export, *kubectls):
    export = pathlib.Path(export)
    kubectls = {kubectl: version_of(kubectl) for kubectl in kubectls}
    print(f"{profile}:")
    keep_secrets(export)
    rendered = render(export, kubectls)
    hold_against_schemas(rendered)
    hold_against_kubectl(export, rendered, kubectls)
    hold_together(rendered)
    tell_of_secrets(export, rendered)
    hold_to_profile(rendered)
    closed = list(reach(rendered))
    if profile == "production" and not all(closed):
        fail("the page reaches the database")
    make_secrets(export)


main(*sys.argv[1:])
