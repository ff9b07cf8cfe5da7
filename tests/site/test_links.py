"""Every link inside the built site leads to a page and an anchor that exist."""

from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pytest


class Page(HTMLParser):
    """Links, pictures and anchors of one page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.remote = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag in ("a", "area") and given.get("href"):
            self.links.append(given["href"])
        loads = given.get("src") or (
            given.get("href") if tag == "link" and given.get("rel") != "canonical" else None
        )
        if tag in ("script", "img", "iframe", "link", "source", "video") and loads:
            (self.remote if loads.startswith(("http:", "https:", "//")) else self.links).append(loads)


def broken(site, names):
    """Links that lead nowhere, as 'page -> link'."""
    parsed = {name: Page((site / name).read_text(encoding="utf-8")) for name in names}
    found = []
    for name, page in parsed.items():
        for link in page.links:
            if link.startswith(("http:", "https:", "mailto:", "data:", "javascript:")):
                continue
            path, anchor = urldefrag(unquote(link))
            path = path.split("?")[0]
            target = (site / name).parent / path if path else site / name
            if not target.exists():
                found.append(f"{name} -> {link}")
            elif anchor and target.suffix == ".html":
                key = target.resolve().relative_to(site.resolve()).as_posix()
                anchors = (
                    parsed[key].anchors if key in parsed else Page(target.read_text(encoding="utf-8")).anchors
                )
                found += [] if anchor in anchors else [f"{name} -> {link} (no such anchor)"]
    return found


def test_links(site, pages):
    assert len(pages) > 5
    assert broken(site, pages) == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    remote = {name: Page((site / name).read_text(encoding="utf-8")).remote for name in pages}
    assert {name: urls for name, urls in remote.items() if urls} == {}


@pytest.mark.parametrize("link", ["gone.html", "#nowhere", "there.html#nowhere"])
def test_a_broken_link_is_noticed(tmp_path, link):
    (tmp_path / "there.html").write_text("<p id='here'>x</p>")
    (tmp_path / "page.html").write_text(f"<a href='there.html#here'>good</a><a href='{link}'>bad</a>")
    assert len(broken(tmp_path, ["page.html"])) == 1
