"""The timings' way into a table: from pytest-benchmark's file to text, to JSON and to a page."""

import importlib.util
import json
from pathlib import Path

import pytest
from docutils import nodes

from minidiff import dev

ROOT = Path(__file__).resolve().parents[2]
MACHINE = {"cpu": {"brand_raw": "A Chip"}, "python_version": "3.12.1", "node": "secret-host"}


def raw(*benchmarks):
    """A file as pytest-benchmark writes it."""
    infos = [{"extra_info": {"table": key, "title": key.upper(), "rows": rows}} for key, rows in benchmarks]
    return {"datetime": "2026-01-02T03:04:05", "machine_info": MACHINE, "benchmarks": infos}


ROWS = [{"sampler": "DDIM", "minidiff": 1.2345, "budget": 1.35, "azula": 2.0},
        {"sampler": "Heun | x", "minidiff": 1.5, "budget": None, "diffusers": 1.25}]


def test_figures_gathers_the_rows_of_a_table_and_names_no_host():
    found = dev.figures(raw(("a", ROWS[:1]), ("b", [{"x": 1}]), ("a", ROWS[1:])))
    assert found["tables"] == {"a": {"title": "A", "rows": ROWS}, "b": {"title": "B", "rows": [{"x": 1}]}}
    made = found["made"]
    assert (made["date"], made["cpu"], made["python"]) == ("2026-01-02", "A Chip", "3.12.1")
    assert "secret-host" not in json.dumps(found)


def test_a_table_keeps_the_order_of_columns_and_marks_what_is_absent():
    head, first, second = dev.text_table(ROWS)
    assert head.split() == ["sampler", "minidiff", "budget", "azula", "diffusers"]
    assert first.split() == ["DDIM", "1.23", "1.35", "2", "-"]
    assert second.split() == ["Heun", "|", "x", "1.5", "-", "-", "1.25"]
    assert head.index("budget") == first.index("1.35")


def test_bench_writes_the_file_only_when_all_ran(tmp_path, monkeypatch, capsys):
    (tmp_path / "book").mkdir()
    status = 1

    def run(command, **_):
        (tmp_path / "build" / "benchmarks.json").write_text(json.dumps(raw(("a", ROWS))))
        return type("Done", (), {"returncode": status})

    monkeypatch.setattr(dev.subprocess, "run", run)
    monkeypatch.setattr(dev, "_need", lambda *_: None)
    assert dev.bench(tmp_path) == 1 and not (tmp_path / "book" / "benchmarks.json").exists()
    status = 0
    assert dev.bench(tmp_path) == 0
    assert json.loads((tmp_path / "book" / "benchmarks.json").read_text())["tables"]["a"]["rows"] == ROWS
    assert "1.35" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------- the page
@pytest.fixture(scope="module")
def extension():
    pytest.importorskip("sphinx")
    path = ROOT / "book" / "_ext" / "minidiff_book.py"
    spec = importlib.util.spec_from_file_location("minidiff_book", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Env:
    """As much of Sphinx's environment as the extension asks for."""

    def __init__(self, folder):
        self.srcdir = str(folder)

    def note_dependency(self, _):
        pass


@pytest.fixture
def page(extension, tmp_path, monkeypatch):
    """The directive on book/ in a temporary folder; it gives the lines of MyST that it would parse."""
    (tmp_path / "book").mkdir()
    data = {"made": {"date": "2026-01-02", "cpu": "A Chip", "torch": "2.13.0", "azula": None, "minutes": 3},
            "tables": {"a": {"title": "First", "rows": ROWS}, "b": {"title": "Second", "rows": [{"x": 1}]}}}
    (tmp_path / "book" / "benchmarks.json").write_text(json.dumps(data))
    book = extension.Book(Env(tmp_path))

    class Directive(extension.Measurements):
        def __init__(self, *arguments):
            self.arguments = list(arguments)

        book = property(lambda self: book)
        parsed = staticmethod(lambda lines: list(lines))

        def error(self, text):
            return ValueError(text)

    return Directive, tmp_path


def test_the_page_shows_every_table_and_how_it_was_made(page):
    lines = page[0]("benchmarks.json").run()
    text = "\n".join(lines)
    assert "one thread of A Chip, with torch 2.13.0. Not installed, so left out: azula." in text
    assert text.index("First") < text.index("Second")
    assert "* - DDIM\n  - **1.23**\n  - 1.35\n  - 2\n  - –" in text   # the least of two libraries is bold
    assert "* - Heun \\| x\n  - 1.5\n  - –\n  - –\n  - **1.25**" in text


def test_the_page_shows_one_table_or_that_nothing_is_there(page):
    directive, _ = page
    text = "\n".join(directive("benchmarks.json", "b").run())
    assert "Second" in text and "First" not in text and "Measured on" not in text
    assert directive("training_speed.json").run() == ["Not measured yet."]
    with pytest.raises(ValueError, match="benchmarks.json has no table c"):
        directive("benchmarks.json", "a c").run()


def test_the_page_shows_training_speed_in_units_that_one_reads(page):
    directive, folder = page
    rows = [{"way": "bf16", "images_per_second": 1234.5, "utilisation": 0.25, "memory": 3 * 2**20},
            {"way": "compile", "skipped": "no compiler"}]
    facts = {"config": {"data": "fashion32"}, "batch": 64, "device": "A Chip", "rows": rows}
    for stored in (facts, [facts]):
        (folder / "book" / "training_speed.json").write_text(json.dumps(stored))
        text = "\n".join(directive("training_speed.json").run())
        assert "fashion32, batch of 64, on A Chip" in text
        assert "* - bf16\n  - 1,234\n  - 25.0 %\n  - 3" in text
        assert "* - compile\n  - no compiler\n  - –\n  - –" in text


@pytest.mark.parametrize(("text", "expected"), [
    ("a | DDIM | minidiff", "1.23"), ("a | DDIM | 1.2345 | azula", "2"),
    ("a | DDIM | diffusers", None), ("a | Euler | minidiff", None), ("c | DDIM | minidiff", None)])
def test_a_number_in_a_sentence_comes_from_the_file(page, extension, text, expected):
    class Reporter:
        error = staticmethod(lambda message, line: message)

    inliner = type("Inliner", (), {"reporter": Reporter, "problematic": staticmethod(lambda *a: a[2])})
    settings = type("Settings", (), {"env": Env(page[1])})
    inliner.document = type("Document", (), {"settings": settings})
    shown, problems = extension.measured("measured", "", text, 1, inliner)
    assert bool(problems) is (expected is None)
    if expected:
        assert isinstance(shown[0], nodes.Text) and shown[0].astext() == expected
    else:
        assert text in problems[0]
