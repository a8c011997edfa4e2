"""A server on 127.0.0.1 that says which kinds a cluster knows and has none of them: what `kubectl apply --dry-run=client` asks."""

import contextlib
import http.server
import json
import threading

# Group and version → kinds, with whether they belong to a namespace.
KINDS = {
    "v1": [("Namespace", False), ("Service", True), ("ConfigMap", True), ("PersistentVolumeClaim", True), ("Secret", True)],
    "apps/v1": [("Deployment", True), ("StatefulSet", True), ("DaemonSet", True)],
    "batch/v1": [("Job", True)],
    "networking.k8s.io/v1": [("NetworkPolicy", True), ("Ingress", True)],
    "autoscaling/v2": [("HorizontalPodAutoscaler", True)],
    "policy/v1": [("PodDisruptionBudget", True)],
    "monitoring.coreos.com/v1": [("ServiceMonitor", True)],
}


def plural(kind):
    name = kind.lower()
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith("s") else "s")


def resources(version):
    verbs = ["create", "get", "list", "patch"]
    rows = [
        {"name": plural(kind), "singularName": kind.lower(), "namespaced": within, "kind": kind, "verbs": verbs}
        for kind, within in KINDS[version]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows}


def groups():
    rows = []
    for version in KINDS:
        if "/" in version:
            name, number = version.split("/")
            one = {"groupVersion": version, "version": number}
            rows.append({"name": name, "versions": [one], "preferredVersion": one})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": rows}


class Discovery(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        answers = {"/api": {"kind": "APIVersions", "versions": ["v1"]}, "/apis": groups(), "/api/v1": resources("v1")}
        answers |= {f"/apis/{version}": resources(version) for version in KINDS if "/" in version}
        answer = answers.get(path)
        status = 200 if answer else 404
        answer = answer or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Discovery)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
