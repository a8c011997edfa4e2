"""A visitor's first prediction, in a real browser on a running page.

PDEX_STREAMLIT_URL names the page (skipped without it), PDEX_SCREENSHOT where the picture goes. Needs Chromium with its
driver, and the packages of services/streamlit/requirements-dev.lock.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

URL = os.environ.get("PDEX_STREAMLIT_URL", "")
SCREENSHOT = os.environ.get("PDEX_SCREENSHOT", "")
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
    "--window-size=1000,820",
    "--lang=fr",
)

pytestmark = pytest.mark.skipif(not URL, reason="PDEX_STREAMLIT_URL is not set: `make test` does not start the stack")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    # Named outright: selenium would otherwise look for a driver on the network.
    options.binary_location = shutil.which("chromium") or "chromium"
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver") or "chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def test_a_click_shows_the_odds_of_a_battle(browser: WebDriver) -> None:
    wait = WebDriverWait(browser, PATIENCE_SECONDS, poll_frequency=0.1)
    browser.get(URL)
    button = wait.until(lambda driver: next(iter(driver.find_elements(By.CSS_SELECTOR, ".st-key-predict button")), None))
    assert not browser.find_elements(By.CSS_SELECTOR, ".pd-odds"), "nothing is predicted before it is asked for"
    button.click()
    odds = wait.until(lambda driver: driver.find_elements(By.CSS_SELECTOR, ".pd-odds"))
    shares = [float(re.fullmatch(r"(\d+),(\d) %", side.text.replace("\u202f", " ")).expand(r"\1.\2")) for side in odds]
    assert len(shares) == 2
    assert sum(shares) == pytest.approx(100, abs=0.11), shares
    assert browser.find_element(By.CSS_SELECTOR, ".pd-verdict").text
    assert not browser.find_elements(By.CSS_SELECTOR, '[data-testid="stException"], [data-testid="stAlert"]')
    assert "a=pikachu" in browser.current_url
    if SCREENSHOT:
        assert browser.save_screenshot(SCREENSHOT)
