"""Every screen in a real browser, as wide as a desk and as narrow as a phone; then what a visitor does with it."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from conftest import PATIENCE_SECONDS

PICTURES = os.environ.get("PDEX_SCREENSHOTS", "")
WIDTHS = {1280: 900, 390: 844}
# To first content: what the screen is for is there, not a spinner.
CONTENT_SECONDS = 2.0
# Other work on the machine makes any one visit late; a slow page is slow each time.
VISITS = 4
SPIN_SECONDS = 0.05
PICTURE_HEIGHT_MOST = 3000


@dataclass(frozen=True)
class Screen:
    """A screen: its address, its title in French, and what is there once it shows something."""

    path: str
    title: str
    content: str


SCREENS = {
    "battle": Screen("/?a=charizard&b=blastoise&show=why", "Combat", ".pd-odds"),
    "team": Screen("/team?a=pikachu,charizard,snorlax,gengar&b=onix,starmie,vileplume", "Équipe", ".pd-grid"),
    "pokedex": Screen("/pokedex?p=charizard", "Pokédex", ".pd-picture"),
    "moves": Screen("/moves", "Attaques", ".pd-table"),
    "types": Screen("/types", "Types", ".pd-chart"),
    "model": Screen("/model", "Modèle", ".pd-card"),
    "monitoring": Screen("/monitoring", "Surveillance", ".pd-figure"),
    "quiz": Screen("/quiz", "Quiz", ".st-key-guess_a button"),
    "about": Screen("/about", "À propos", "[data-testid=stCaptionContainer]"),
}

# Fields and buttons that say nothing to who cannot see them. What is drawn over a field is part of it.
NAMELESS = """
const shown = element => element.checkVisibility() && !element.closest('[aria-hidden=true]');
const named = element => (element.labels && element.labels.length) || element.getAttribute('aria-label')
    || element.getAttribute('aria-labelledby') || element.innerText.trim() || element.title;
return [...document.querySelectorAll('input, button, select, textarea, a')]
    .filter(element => shown(element) && !named(element)).map(element => element.outerHTML.slice(0, 300));
"""
OVERFLOW = """
const main = document.querySelector('[data-testid=stMain]');
return main.scrollWidth - main.clientWidth;
"""
TROUBLE = '[data-testid="stException"], [data-testid="stAlertContentError"]'


def resize(browser: WebDriver, width: int, height: int) -> None:
    """A window of headless Chromium is never as narrow as a phone; the page's own measure can be."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def find(browser: WebDriver, selector: str) -> WebElement:
    """Wait for it to be there and to be seen."""

    def seen(driver: WebDriver) -> WebElement | None:
        found = driver.find_elements(By.CSS_SELECTOR, selector)
        return next((element for element in found if element.is_displayed()), None)

    return wait(browser).until(seen)


def wait(browser: WebDriver) -> WebDriverWait:
    # What is looked at may be replaced at that moment: then it is looked at again.
    again = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(browser, PATIENCE_SECONDS, poll_frequency=0.05, ignored_exceptions=again)


def read(browser: WebDriver, selector: str) -> list[str]:
    """The texts of all that match, read in one go, once there are any."""
    script = "return [...document.querySelectorAll(arguments[0])].map(element => element.innerText.trim()).filter(Boolean)"
    return wait(browser).until(lambda driver: driver.execute_script(script, selector))


def press(browser: WebDriver, selector: str, label: str) -> None:
    """Click the one of several that says this."""

    def pressed(driver: WebDriver) -> bool:
        found = (element for element in driver.find_elements(By.CSS_SELECTOR, selector) if label in element.text)
        for element in found:
            element.click()
            return True
        return False

    wait(browser).until(pressed)


def settle(browser: WebDriver) -> None:
    """Wait until the page's program has run to its end."""
    find(browser, '.stApp[data-test-script-state="notRunning"]')


def slowdown() -> float:
    """How many times longer than alone a program takes right now, for what else runs on the machine."""
    wall, cpu = time.monotonic(), time.process_time()
    while time.process_time() - cpu < SPIN_SECONDS:
        pass
    return max((time.monotonic() - wall) / SPIN_SECONDS, 1.0)


def visit(browser: WebDriver, url: str, screen: Screen) -> float:
    """Open a screen in a new session. Returns how long it would take alone to show something."""
    browser.get("about:blank")
    before = slowdown()
    began = time.monotonic()
    browser.get(url + screen.path)
    find(browser, screen.content)
    took = time.monotonic() - began
    return took / ((before + slowdown()) / 2)


def take_picture(browser: WebDriver, name: str, width: int) -> None:
    """The whole page, not only what fits a window."""
    height = browser.execute_script("return document.querySelector('[data-testid=stMain]').scrollHeight")
    resize(browser, width, min(max(height, WIDTHS[width]), PICTURE_HEIGHT_MOST))
    Path(PICTURES).mkdir(parents=True, exist_ok=True)
    assert browser.save_screenshot(str(Path(PICTURES) / f"{name}-{width}.png"))


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_screen_shows_itself_in_time_and_whole(browser: WebDriver, url: str, name: str, width: int) -> None:
    screen = SCREENS[name]
    resize(browser, width, WIDTHS[width])
    took: list[float] = []
    while len(took) < VISITS and not (took and min(took) <= CONTENT_SECONDS):
        took.append(visit(browser, url, screen))
    assert min(took) <= CONTENT_SECONDS, took
    settle(browser)
    assert read(browser, "h2") == [screen.title]
    assert browser.title == f"{screen.title} – PredictionDex"
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "fr"
    assert [element.text for element in browser.find_elements(By.CSS_SELECTOR, TROUBLE)] == []
    assert browser.execute_script(OVERFLOW) <= 0, "only tables scroll sideways, each on its own"
    assert browser.execute_script(NAMELESS) == []
    pictures = browser.find_elements(By.CSS_SELECTOR, "img")
    assert all(len(picture.get_attribute("alt") or "") > 20 for picture in pictures)
    assert all(browser.execute_script("return arguments[0].naturalWidth > 0", picture) for picture in pictures)
    if PICTURES:
        take_picture(browser, name, width)


def shares(browser: WebDriver) -> list[float]:
    """The odds that are shown, as numbers."""
    texts = read(browser, ".pd-odds")
    found = [re.fullmatch(r"(\d+),(\d) %", text) for text in texts]
    assert all(found), texts
    return [float(match.expand(r"\1.\2")) for match in found if match]


def test_a_click_shows_the_odds_of_a_battle_and_the_address_keeps_them(browser: WebDriver, url: str) -> None:
    resize(browser, 1280, 900)
    browser.get(url)
    button = find(browser, ".st-key-predict button")
    assert not browser.find_elements(By.CSS_SELECTOR, ".pd-odds"), "nothing is predicted before it is asked for"
    button.click()
    seen = shares(browser)
    assert len(seen) == 2
    assert sum(seen) == pytest.approx(100, abs=0.11), seen
    assert read(browser, ".pd-verdict")
    for label, content in (("Pourquoi", ".pd-effect"), ("Attaques d'Onix", ".pd-measure"), ("Combats simulés", ".pd-rule")):
        press(browser, ".st-key-detail button", label)
        find(browser, content)
    wait(browser).until(lambda driver: "show=simulation" in driver.current_url)
    assert "a=pikachu" in browser.current_url
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    find(browser, ".pd-rule")
    assert shares(browser) == seen


def test_a_battle_is_predicted_by_keyboard_alone(browser: WebDriver, url: str) -> None:
    resize(browser, 1280, 900)
    browser.get(f"{url}/?a=pikachu")
    find(browser, ".st-key-predict button")
    settle(browser)
    first = find(browser, ".st-key-pokemon_a input")
    first.click()
    # By its English name on the French page, as typed without accents.
    first.send_keys("Charizard", Keys.ENTER)
    wait(browser).until(lambda driver: "Dracaufeu" in find(driver, ".st-key-pokemon_a").get_attribute("innerHTML"))
    settle(browser)
    for _ in range(20):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        if browser.switch_to.active_element.get_attribute("data-testid") == "stBaseButton-primary":
            break
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert len(shares(browser)) == 2
    assert "Dracaufeu" in read(browser, ".pd-sides")[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_menu_leads_everywhere_and_keeps_the_language(browser: WebDriver, url: str, width: int) -> None:
    resize(browser, width, WIDTHS[width])
    browser.get(f"{url}/about")
    find(browser, ".st-key-language")
    settle(browser)
    press(browser, ".st-key-language button", "English")
    wait(browser).until(lambda driver: read(driver, "h2") == ["About"])
    wait(browser).until(lambda driver: driver.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en")
    if width < 500:
        find(browser, '[data-testid="stExpandSidebarButton"]').click()
    links = browser.find_elements(By.CSS_SELECTOR, '[data-testid="stSidebarNavLink"]')
    assert len(links) == len(SCREENS)
    wait(browser).until(lambda _: links[4].is_displayed())
    links[4].click()
    wait(browser).until(lambda driver: read(driver, "h2") == ["Types"])
    find(browser, ".pd-chart")
    assert "Water" in read(browser, ".pd-chart")[0]
    assert browser.current_url.partition("?")[0].endswith("/types")


def test_a_name_in_the_list_leads_to_its_sheet(browser: WebDriver, url: str) -> None:
    resize(browser, 1280, 900)
    browser.get(f"{url}/pokedex?lang=en")
    link = find(browser, '.pd-table a[href*="p=squirtle"]')
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    link.click()
    wait(browser).until(lambda driver: "Squirtle" in read(driver, "h3"))
    assert len(browser.window_handles) == 1


def test_the_charts_renew_themselves(browser: WebDriver, url: str) -> None:
    resize(browser, 1280, 900)
    browser.get(f"{url}/monitoring")

    def at(driver: WebDriver) -> str | None:
        """When what is shown was seen."""
        return next(
            (
                text
                for text in read(driver, "[data-testid=stCaptionContainer]")
                if re.fullmatch(r"Relevé de \d\d:\d\d:\d\d", text)
            ),
            None,
        )

    before = wait(browser).until(at)
    wait(browser).until(lambda driver: at(driver) not in (None, before))


def test_a_guess_is_judged_and_counted(browser: WebDriver, url: str) -> None:
    resize(browser, 390, 844)
    browser.get(f"{url}/quiz")
    find(browser, ".st-key-guess_a button").click()
    assert len(shares(browser)) == 2
    wait(browser).until(lambda driver: re.search(r"Score : [01] sur 1", read(driver, "[data-testid=stMain]")[0]))
