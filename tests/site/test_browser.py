"""Every page in a headless browser, wide and narrow, light and dark."""

import pytest

pytestmark = pytest.mark.browser
WIDTHS = (1280, 390)
THEMES = ("light", "dark")

# What one loaded page looks like, asked of the browser in one go.
FACTS = r"""async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  const article = document.querySelector('article') || document.body;
  const words = article.cloneNode(true);
  words.querySelectorAll('pre, code, script, mjx-container, .headerlink').forEach(e => e.remove());
  const pictures = [...article.querySelectorAll('img')];
  const named = some => some.map(i => i.src.slice(0, 80));
  return {
    formulas: article.querySelectorAll('span.math, div.math').length,
    rendered: article.querySelectorAll('mjx-container').length,
    wrong: [...article.querySelectorAll('[data-mml-node="merror"]')].map(e => e.textContent),
    raw: (words.textContent.match(/\\[(\[]|\$\$/g) || []).length,
    silent: named(pictures.filter(i => !(i.alt || '').trim())),
    missing: named(pictures.filter(i => i.complete && !i.naturalWidth && i.offsetParent)),
    views: document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]').length,
  };
}"""
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"
# Text that can hardly be told from what lies behind it: contrast below 3 to 1.
FAINT = r"""() => {
  const rgb = s => (s.match(/[\d.]+/g) || []).map(Number);
  const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => { const f = c.slice(0, 3).map(v => linear(v / 255));
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.5) return c; } return [255, 255, 255]; };
  const found = [];
  const kinds = ['p', 'li', 'td', 'pre', 'h1', 'h2', '.claim', '.claim *'].map(kind => 'article ' + kind);
  for (const e of document.querySelectorAll(kinds.join(','))) {
    if (!e.textContent.trim() || !e.offsetParent) continue;
    const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 3) found.push(e.tagName + ': ' + e.textContent.trim().slice(0, 50));
  }
  return found.slice(0, 5);
}"""


def listeners(trouble, address):
    """What the browser reports on its own, written into the list `trouble`."""

    def note(text, wrong=True):
        if wrong:
            trouble.append(text)

    return {
        "console": lambda message: note(f"console: {message.text}", message.type == "error"),
        "pageerror": lambda error: note(f"script error: {error}"),
        "requestfailed": lambda request: note(f"failed: {request.url}"),
        "response": lambda answer: note(f"{answer.status}: {answer.url}", answer.status >= 400),
        "request": lambda r: note(f"asks for {r.url}", not r.url.startswith((address, "data:", "blob:"))),
    }


def shown(page):
    """What is wrong with the page as it is displayed, in both themes and both widths."""
    facts = page.evaluate(FACTS)
    trouble = [f"{kind}: {what}" for kind in ("wrong", "silent", "missing") for what in facts[kind]]
    if facts["rendered"] < facts["formulas"]:
        trouble.append(f"{facts['formulas']} formulas, {facts['rendered']} rendered")
    if facts["raw"]:
        trouble.append(f"raw TeX in {facts['raw']} places")
    if facts["views"]:
        page.wait_for_selector(".jupyter-widgets", timeout=15000)
    for theme in THEMES:
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        trouble += [f"{theme}: faint {what}" for what in page.evaluate(FAINT)]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            over = page.evaluate(OVERFLOW)
            trouble += [f"{theme}, {width} px: {over} px too wide"] if over > 1 else []
    return trouble


def look(page, address, name):
    """Open one page -> list of what is wrong with it."""
    trouble = []
    handlers = listeners(trouble, address)
    for event, handler in handlers.items():
        page.on(event, handler)
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    page.goto(f"{address}/{name}", wait_until="load")
    trouble += shown(page)
    for event, handler in handlers.items():
        page.remove_listener(event, handler)
    return trouble


@pytest.fixture(scope="module")
def tab(browser):
    page = browser.new_page()
    yield page
    page.close()


def test_every_page(tab, address, pages):
    found = {name: trouble for name in pages if (trouble := look(tab, address, name))}
    assert found == {}


def test_a_bad_page_is_noticed(tab, tmp_path, address, site):
    """The checks can fail: raw TeX, a silent picture, script error, missing file, too wide, grey on grey."""
    bad = site / "_bad_page_for_a_test.html"
    bad.write_text("""<article><p>\\(x\\)</p><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
        <p style="width:3000px">w</p><p style="color:#777;background:#888">faint</p>
        <script src="gone.js"></script><script>nothing()</script></article>""")
    try:
        trouble = " / ".join(look(tab, address, bad.name))
    finally:
        bad.unlink()
    for word in ("raw TeX", "silent", "too wide", "faint", "404", "script error"):
        assert word in trouble


def test_sliders_move_without_a_kernel(tab, address, site, pages):
    moved = 0
    for name in pages:
        if "widget-view+json" not in (site / name).read_text(encoding="utf-8"):
            continue
        tab.set_viewport_size({"width": 1280, "height": 900})
        tab.goto(f"{address}/{name}")
        tab.wait_for_selector(".noUi-handle", timeout=15000)
        pictures = "[...document.querySelectorAll('.jupyter-widgets img')]"
        visible = f"() => {pictures}.filter(i => i.offsetParent).map(i => i.src)"
        tab.wait_for_function(f"({visible})().length > 0")
        before = tab.evaluate(visible)
        tab.locator(".noUi-handle").first.press("ArrowLeft")
        tab.wait_for_timeout(200)
        assert tab.evaluate(visible) != before, f"{name}: the slider does not change the picture"
        moved += 1
    if not moved:
        pytest.skip("no page has a slider yet")


def test_search_works_from_a_folder(tab, site):
    tab.goto((site / "search.html").as_uri() + "?q=langevin")
    tab.wait_for_selector("#search-results li a", timeout=15000)
    assert tab.locator("#search-results li a").count() > 0
