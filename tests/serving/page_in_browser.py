"""Types into the server's page in Chromium and reads it; see bin/test_page."""

import argparse
import pathlib
import shutil
import sys
import tempfile

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.serving import running, toy

_MARKUP = "<img src=x onerror=document.title='hacked'><b>bold</b>"


class Page:
    """The page, as a person sees it.

    Args:
        browser: of selenium.
        address: of the page.
    """

    def __init__(self, browser, address):
        self.browser = browser
        browser.get(address)
        self.until(lambda: "version" in self.text("#model"))

    def until(self, condition):
        # Results may be replaced while they are read.
        passing = (StaleElementReferenceException,)
        wait = WebDriverWait(self.browser, 20, ignored_exceptions=passing)
        wait.until(lambda _: condition())

    def text(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector).text

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def enter(self, text):
        """Types a text in place of the old one and presses Ctrl+Enter."""
        field = self.browser.find_element(By.ID, "text")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text, Keys.CONTROL + Keys.ENTER)


def check_translations(page):
    """Lines typed in are there with translation, score and n-best."""
    page.enter("one bike\n\nx")
    page.until(lambda: len(page.all("article")) == 2)
    sources = [x.text for x in page.all(".source")]
    assert sources == ["one bike", "x"], sources
    best = [x.text for x in page.all(".best .translation")]
    assert best == ["ONE BIKE|1", "X|1"], best
    assert [x.text for x in page.all(".best .score")] == ["0.000"] * 2
    summaries = page.all("summary")
    assert [x.text for x in summaries] == [
        "2 more of the n-best",
        "1 more of the n-best",
    ]
    summaries[0].send_keys(Keys.ENTER)  # opens without a mouse
    page.until(lambda: page.all("li")[0].is_displayed())
    assert [x.text.split() for x in page.all("li")[:2]] == [
        ["ONE", "BIKE|1#1", "-0.500"],
        ["ONE", "BIKE|1#2", "-1.000"],
    ]


def check_markup(page):
    """Markup is shown as it was typed and does nothing."""
    page.enter(_MARKUP)
    page.until(lambda: page.text(".source") == _MARKUP)
    assert page.text(".best .translation") == f"{_MARKUP.upper()}|1"
    assert not page.all("#results img") and not page.all("#results b")
    assert page.browser.title == "Translate"


def check_keyboard(page):
    """The button is reached by Tab and pressed by Space."""
    page.enter("\b")
    page.until(lambda: "Type some text" in page.text("#message"))
    field = page.browser.find_element(By.ID, "text")
    field.send_keys("by keyboard", Keys.TAB)
    button = page.browser.switch_to.active_element
    assert button.get_attribute("id") == "translate"
    button.send_keys(Keys.SPACE)
    page.until(lambda: page.text(".source") == "by keyboard")
    assert not page.all("#message")[0].is_displayed()


def check_messages(page, server):
    """Too much text, then a server that is gone, are told; text is kept."""
    page.browser.execute_script(
        "document.getElementById('text').value = 'a\\n'.repeat(70)"
    )
    page.browser.find_element(By.ID, "translate").click()
    page.until(lambda: "at most 64 lines" in page.text("#message"))
    server.stop()
    page.enter("anybody there")
    page.until(lambda: "does not answer" in page.text("#message"))
    field = page.browser.find_element(By.ID, "text")
    assert field.get_attribute("value") == "anybody there"
    assert page.browser.find_element(By.ID, "translate").is_enabled()


def chromium(folder):
    """Starts the browser."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=900,900",
        f"--user-data-dir={folder}/profile",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options, service)


def main():
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshot", help="PNG of the page with results")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        toy.write(pathlib.Path(folder, "model", "1"))
        server = running.Process(f"{folder}/model", f"{folder}/log")
        try:
            browser = chromium(folder)
            try:
                address = f"http://127.0.0.1:{server.rest_port}/"
                page = Page(browser, address)
                check_translations(page)
                if told.screenshot:
                    browser.save_screenshot(told.screenshot)
                check_markup(page)
                check_keyboard(page)
                logged = [
                    x["message"]
                    for x in browser.get_log("browser")
                    if "favicon" not in x["message"]
                ]
                assert not logged, logged
                check_messages(page, server)
            finally:
                browser.quit()
        finally:
            if server.process.poll() is None:
                server.stop()
    print("The page was tested in Chromium: typed into, read, all is well.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
