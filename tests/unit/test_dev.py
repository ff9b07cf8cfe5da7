"""The project's commands, on made-up notebooks and with the outer programs replaced."""

import json
import subprocess
import sys

import nbformat
import pytest

from minidiff import dev


def write_notebook(path, *sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in cells:
        cell["metadata"]["tags"] = list(tags)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


CLAIM_CELL = """
import os
from IPython.display import display
value = 0.1 + 0.01 * int(os.environ['MINIDIFF_SEED'])
facts = {'system': 'ddpm', 'statement': 'small', 'measured': value, 'relation': '<=', 'bound': BOUND,
         'holds': value <= BOUND, 'spread': None, 'mutant': None}
display({'application/vnd.minidiff.claim+json': facts, 'text/plain': 'claim'}, raw=True)
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder that looks like a checkout with one notebook."""
    (tmp_path / "_config.yml").write_text("title: tiny\n")
    write_notebook(tmp_path / "book" / "a.ipynb", "x = 1", "x + 1")
    return tmp_path


def test_digest_sees_code_only():
    cell = {"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": []}
    text = {"cell_type": "markdown", "source": "words", "metadata": {}}
    first = dev.code_digest({"cells": [cell, text]})
    assert first == dev.code_digest({"cells": [{**cell, "source": ["x =", " 1"]}]})
    assert first != dev.code_digest({"cells": [{**cell, "source": "x = 2"}, text]})


def test_find_notebooks_knows_where_outputs_are_kept(checkout):
    write_notebook(checkout / "book" / ".ipynb_checkpoints" / "a.ipynb", "1")
    write_notebook(checkout / "exercises" / "student.ipynb", "1")
    solution = write_notebook(checkout / "exercises" / "solutions" / "s.ipynb", "1")
    assert dev.find_notebooks(checkout) == [checkout / "book" / "a.ipynb", solution]


def test_run_stores_outputs_and_how_they_were_made(checkout, capsys):
    path = checkout / "book" / "a.ipynb"
    write_notebook(path, "import sys; print('noise', file=sys.stderr)", "6 * 7")
    assert dev.run([path]) == 0
    stored = nbformat.read(path, 4)
    assert stored.cells[0].outputs == [] and stored.cells[1].outputs[0].data["text/plain"] == "42"
    how = stored.metadata["minidiff"]
    assert how["code"] == dev.code_digest(stored) and how["seconds"] > 0 and how["seed"] == 0
    assert "[1/1] book/a.ipynb" in capsys.readouterr().out


def test_run_names_the_failing_cell_and_keeps_the_old_outputs(checkout, capsys):
    path = write_notebook(checkout / "book" / "a.ipynb", "1", "raise KeyError('lost')")
    before = path.read_bytes()
    assert dev.run([path]) == 1
    assert path.read_bytes() == before
    assert "book/a.ipynb, code cell 2: KeyError: 'lost'" in capsys.readouterr().err


def test_an_endless_cell_is_named(checkout, monkeypatch, capsys):
    monkeypatch.setattr(dev, "CELL_TIMEOUT", 2)
    path = write_notebook(checkout / "book" / "a.ipynb", "import time; time.sleep(60)")
    assert dev.run([path]) == 1
    assert "CellTimeoutError" in capsys.readouterr().err


def test_expected_errors_are_no_failures(checkout):
    path = write_notebook(
        checkout / "book" / "a.ipynb", "raise ValueError('shown to the reader')", tags=["raises-exception"]
    )
    assert dev.run([path]) == 0


def test_gpu_cells_are_left_alone_without_a_gpu(checkout, monkeypatch):
    monkeypatch.setattr(dev, "_has_gpu", lambda: False)
    path = write_notebook(checkout / "book" / "a.ipynb", "raise SystemError('no device')", tags=["gpu"])
    assert dev.run([path]) == 0
    monkeypatch.setattr(dev, "_has_gpu", lambda: True)
    assert dev.run([path]) == 1


def test_gpu_can_be_claimed(monkeypatch):
    monkeypatch.setenv("MINIDIFF_GPU", "1")
    assert dev._has_gpu()


def test_calibrate_merges_what_five_seeds_measured(checkout, capsys):
    path = write_notebook(checkout / "book" / "a.ipynb", CLAIM_CELL.replace("BOUND", "0.5"))
    table = checkout / "book" / "calibration.json"
    table.write_text(
        json.dumps(
            {
                "other|claim": {"notebook": "b.ipynb", "values": [1.0]},
                "ddpm|gone": {"notebook": "a.ipynb", "values": [1.0]},
            }
        )
    )
    assert dev.calibrate([path], root=checkout, seeds=(0, 1, 2)) == 0
    stored = json.loads(table.read_text())
    assert set(stored) == {"other|claim", "ddpm|small"}
    assert stored["ddpm|small"]["values"] == pytest.approx([0.1, 0.11, 0.12])
    assert stored["ddpm|small"]["spread"] == pytest.approx(0.01)
    assert "2 claims" in capsys.readouterr().out


def test_calibrate_reports_a_claim_that_fails_for_a_seed(checkout, capsys):
    path = write_notebook(checkout / "book" / "a.ipynb", CLAIM_CELL.replace("BOUND", "0.105"))
    assert dev.calibrate([path], root=checkout, seeds=(0, 1)) == 1
    assert "fails for some seed" in capsys.readouterr().err


def test_one_seed_has_no_spread():
    fact = {"measured": 2, "relation": "<=", "bound": 3, "holds": True}
    assert dev.summarise({"a|b": {0: fact}})["a|b"]["spread"] == 0.0


def test_digest_of_the_site_changes_with_its_sources(checkout):
    before = dev.site_digest(checkout)
    (checkout / "book" / "page.md").write_text("# new")
    assert dev.site_digest(checkout) != before


def done(code):
    return lambda command, **_: subprocess.CompletedProcess(command, code)


def test_book_writes_a_stamp_when_it_is_built(checkout, monkeypatch, capsys):
    def build(command, **_):
        page = dev.site_folder(checkout) / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("x")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(dev.subprocess, "run", build)
    assert not dev.site_is_fresh(checkout)
    assert dev.main(["--root", str(checkout), "book"]) == 0
    assert dev.site_is_fresh(checkout)
    assert "index.html" in capsys.readouterr().out
    (checkout / "book" / "page.md").write_text("# new")
    assert not dev.site_is_fresh(checkout)


@pytest.mark.parametrize("code", [0, 3])
def test_book_fails_with_the_builder_or_without_a_page(checkout, monkeypatch, code):
    monkeypatch.setattr(dev.subprocess, "run", done(code))
    assert dev.main(["--root", str(checkout), "book"]) == (code or 1)
    assert not dev.site_is_fresh(checkout)


def test_book_runs_the_notebooks_in_a_copy(checkout, monkeypatch):
    seen = []
    monkeypatch.setattr(
        dev.subprocess,
        "run",
        lambda command, cwd, **_: seen.append(cwd) or subprocess.CompletedProcess(command, 1),
    )
    before = (checkout / "book" / "a.ipynb").read_bytes()
    assert dev.book(checkout, execute=True) == 1
    assert seen == [checkout / "build" / "executed"]
    assert nbformat.read(seen[0] / "book" / "a.ipynb", 4).cells[1].outputs[0].data["text/plain"] == "2"
    assert (checkout / "book" / "a.ipynb").read_bytes() == before


def test_book_is_not_built_from_a_failing_notebook(checkout, monkeypatch, capsys):
    write_notebook(checkout / "book" / "a.ipynb", "1 / 0")
    monkeypatch.setattr(dev.subprocess, "run", lambda *_, **__: pytest.fail("the builder was started"))
    assert dev.main(["--root", str(checkout), "book", "--execute"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_all_parts_run_and_one_failure_fails_the_whole(checkout, monkeypatch, capsys):
    for name in ("exercises", "site"):
        (checkout / "tests" / name).mkdir(parents=True)
    assert list(dev.test_commands(checkout)) == ["unit", "notebooks", "exercises", "site"]
    ran = []

    def fake(command, **_):
        ran.append(command)
        return subprocess.CompletedProcess(command, int("--nbval-lax" in command))

    monkeypatch.setattr(dev.subprocess, "run", fake)
    assert dev.main(["--root", str(checkout), "test"]) == 1
    assert len(ran) == 4
    closing = capsys.readouterr().out.splitlines()[-1]
    assert "notebooks FAILED" in closing and "unit passed" in closing and "NOT all passed" in closing
    assert dev.main(["--root", str(checkout), "test", "unit"]) == 0
    assert dev.main(["--root", str(checkout), "test", "untied"]) == 2


def test_parts_without_files_are_left_out(tmp_path):
    assert list(dev.test_commands(tmp_path)) == ["unit"]


def test_bench_run_calibrate_and_exercises_pass_their_status_on(checkout, monkeypatch):
    monkeypatch.setattr(dev.subprocess, "run", done(5))
    assert dev.main(["--root", str(checkout), "bench"]) == 5
    assert dev.main(["--root", str(checkout), "exercises", "--check"]) == 5
    monkeypatch.setattr(dev, "run", lambda paths, workers: len(paths) + workers)
    monkeypatch.setattr(dev, "calibrate", lambda paths, workers, root: workers)
    assert dev.main(["--root", str(checkout), "run", "a", "b"]) == 3
    assert dev.main(["--root", str(checkout), "calibrate", "a", "--workers", "7"]) == 7


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="checkout"):
        dev.main(["--root", str(tmp_path), "book"])


def test_a_missing_extra_is_named():
    with pytest.raises(SystemExit, match="pip install"):
        dev._need("no_such_module_at_all", "book")
    assert dev._version("no-such-package-at-all") == "none"


def test_help_can_be_asked_for():
    shown = subprocess.run([sys.executable, "-m", "minidiff.dev", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0 and "calibrate" in shown.stdout
