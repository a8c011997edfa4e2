"""A static nginx on loopback: one worker, a file of 612 bytes, HTTP/1.1 on one port and HTTP/2 in the clear on another."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# Connections are kept for as long as the loaders like.
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{one};
        listen 127.0.0.1:{two} http2;
        root {folder}/www;
    }}
}}
"""
BYTES = 612


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def program():
    return os.environ.get("PDEX_NGINX") or sys.exit("run me through bench/load/run.sh, which finds nginx")


def version():
    said = subprocess.run([program(), "-v"], capture_output=True, text=True).stderr
    return re.search(r"nginx/([\d.]+)", said)[1]


class Nginx:
    def __init__(self, process, one, two):
        self.process, self.one, self.two = process, f"http://127.0.0.1:{one}/", f"http://127.0.0.1:{two}/"

    def workers(self):
        pid = self.process.pid
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @contextlib.contextmanager
    def paused(self):
        """Its workers stand still; connections are still taken, by the kernel, and nobody answers."""
        workers = self.workers()
        try:
            for worker in workers:
                os.kill(worker, signal.SIGSTOP)
            yield
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)


@contextlib.contextmanager
def running():
    """An nginx that answers, stopped and removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # The worker is another user when this one is root.
        folder.chmod(0o755)
        (folder / "www").mkdir()
        (folder / "www/index.html").write_text("x" * (BYTES - 1) + "\n")
        one, two = free_port(), free_port()
        (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, one=one, two=two))
        process = subprocess.Popen([program(), "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        try:
            nginx = Nginx(process, one, two)
            for _ in range(100):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(nginx.one, timeout=5).read()
                    break
                time.sleep(0.05)
            else:
                sys.exit(f"nginx does not answer: {(folder / 'error.log').read_text()}")
            yield nginx
        finally:
            process.terminate()
            process.wait()
