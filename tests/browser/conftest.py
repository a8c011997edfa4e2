"""A page to visit and a browser to visit it with.

PDEX_STREAMLIT_URL names a running page: that of the whole stack, in the platform's test. Without it the page is started here
with the stub of services/streamlit/tests behind it, which has the whole Pokédex; skipped where there is no Chromium. Pictures
go to the folder PDEX_SCREENSHOTS. Needs the packages of services/streamlit/requirements-dev.lock.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import stub
from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

SERVICE = Path(__file__).resolve().parents[2] / "services/streamlit"
# A first visit on a busy two-core machine also starts the page's first session.
PATIENCE_SECONDS = 60
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1280,900",
    "--lang=fr",
)


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Where the page answers."""
    if given := os.environ.get("PDEX_STREAMLIT_URL"):
        yield given.rstrip("/")
        return
    if not shutil.which("chromedriver"):
        pytest.skip("no Chromium with its driver here: `stack/prerequisites.sh browser` installs them")
    with stub.running(stub.whole()) as services:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        addresses = dict.fromkeys(("API_BASE_URL", "MLFLOW_TRACKING_URI", "PROMETHEUS_URL"), services.url)
        command = [sys.executable, "-m", "streamlit", "run", "page.py"]
        command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
        page = subprocess.Popen(command, cwd=SERVICE, env=os.environ | addresses, stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/_stcore/health", page)
            yield address
        finally:
            page.terminate()
            page.wait()


def wait_for(address: str, page: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert page.poll() is None, "the page ended"
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address, timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"{address} does not answer")


@pytest.fixture(autouse=True)
def forgetful(browser: WebDriver, url: str) -> None:
    """The browser keeps whether the menu was open: each test starts as a first visit does."""
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "local_storage"})


@pytest.fixture(scope="session")
def browser(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    assert url
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    # Named outright: selenium would otherwise look for a driver on the network.
    options.binary_location = shutil.which("chromium") or "chromium"
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver") or "chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()
