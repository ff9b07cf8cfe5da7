"""The built site, for all tests here; built once, and reused while nothing it is made from has changed."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

from minidiff import dev

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site():
    """Folder of the built pages; building it treats warnings as errors."""
    if not dev.site_is_fresh(ROOT):
        assert dev.book(ROOT) == 0, "the site does not build without warnings"
    return dev.site_folder(ROOT)


@pytest.fixture(scope="session")
def pages(site):
    """Addresses of all pages, relative to the site's folder."""
    ours = [
        path.relative_to(site).as_posix()
        for folder in ("book", "exercises")
        for path in (site / folder).rglob("*.html")
    ]
    return sorted(ours)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    """http address of the site, served from this machine."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def find_browser():
    """Path of a Chromium: CHROMIUM, or what is installed; None when there is none."""
    given = os.environ.get("CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome")
    return given or next((found for found in map(shutil.which, names) if found), None)


@pytest.fixture(scope="session")
def browser():
    """One headless browser for all tests."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'"
    )
    path = find_browser()
    if path is None:
        pytest.skip("no browser: install chromium, or set CHROMIUM to the path of one")
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-dev-shm-usage",
    ]
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, headless=True, args=flags)
        yield started
        started.close()
