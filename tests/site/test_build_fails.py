"""A build that should fail does fail, and says where."""

import os
import subprocess
import sys

import nbformat
import pytest

CONFIG = """title: tiny
only_build_toc_files: true
exclude_patterns: ["build/**"]
execute: {execute_notebooks: "off"}
"""


def tiny_book(folder, code, text="# A page"):
    """A book of one page and one notebook."""
    (folder / "book").mkdir()
    (folder / "_config.yml").write_text(CONFIG)
    (folder / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: book/page\n"
    )
    (folder / "book" / "index.md").write_text("# Start\n")
    cells = [nbformat.v4.new_markdown_cell(text), *map(nbformat.v4.new_code_cell, code)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "book" / "page.ipynb")


def build(folder, *flags):
    command = [sys.executable, "-m", "minidiff.dev", "--root", str(folder), "book", *flags]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"}
    )


def test_a_good_book_builds_from_fresh_outputs(tmp_path):
    tiny_book(tmp_path, ["print(6 * 7)"])
    done = build(tmp_path, "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "42" in (tmp_path / "build" / "_build" / "html" / "book" / "page.html").read_text()
    assert (
        nbformat.read(tmp_path / "book" / "page.ipynb", 4).cells[1].outputs == []
    )  # the stored notebook is untouched


def test_a_raising_cell_fails_the_build(tmp_path):
    tiny_book(tmp_path, ["x = 1", "raise ValueError('the sky is falling')"])
    done = build(tmp_path, "--execute")
    assert done.returncode != 0
    assert "page.ipynb, code cell 2: ValueError: the sky is falling" in done.stderr
    assert not (tmp_path / "build" / "_build").exists()


@pytest.mark.parametrize(
    "text", ["# A page\n\nSee [nothing](#nowhere).", "# A page\n\n{cite}`nobody2020nothing`"]
)
def test_a_warning_fails_the_build(tmp_path, text):
    tiny_book(tmp_path, [], text)
    assert build(tmp_path).returncode != 0
