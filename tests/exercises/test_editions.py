"""The stored editions are what the source makes, and hold what they should."""
import importlib.util
import json
import re
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="needs the extra 'exercises'")

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "exercises" / "source").glob("*/*.ipynb"))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load(ROOT / "exercises" / "generate.py")
EDITIONS = {"source": "source/{name}/{name}.ipynb", "student": "{name}.ipynb", "solution": "solutions/{name}.ipynb"}
every_chapter = pytest.mark.parametrize("name", NAMES)


def path_of(edition, name, root=ROOT):
    return root / "exercises" / EDITIONS[edition].format(name=name)


def read(edition, name):
    return nbformat.read(path_of(edition, name), as_version=4)


def copy_of_exercises(folder, name):
    for path in (ROOT / "exercises").rglob(f"{name}.ipynb"):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


def test_stored_editions_are_what_the_source_makes():
    assert generate.drifted() == []


@every_chapter
@pytest.mark.parametrize("edition", EDITIONS)
def test_drift_is_noticed(tmp_path, edition, name):
    """An edit to any one of the three notebooks shows."""
    path = path_of(edition, name, copy_of_exercises(tmp_path, name))
    text = path.read_text(encoding="utf-8")
    assert "process.alpha(" in text
    path.write_text(text.replace("process.alpha(", "process.sigma(", 1), encoding="utf-8")
    assert generate.drifted(tmp_path)


@every_chapter
def test_missing_edition_is_noticed(tmp_path, name):
    missing = path_of("student", name, copy_of_exercises(tmp_path, name))
    missing.unlink()
    assert generate.drifted(tmp_path) == [missing]


@every_chapter
def test_student_edition_gives_nothing_away(name):
    cells = read("student", name).cells
    text = "\n".join(cell.source for cell in cells)
    assert "SOLUTION" not in text and "HIDDEN" not in text
    assert text.count("raise NotImplementedError(") == sum(cell.metadata.get("nbgrader", {}).get("solution", False) for cell in cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    locked = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("locked")]
    assert locked and all(cell.metadata.get("editable") is False for cell in locked)


@every_chapter
def test_solution_edition_is_plain_code_with_stored_results(name):
    from minidiff import dev

    text = "\n".join(cell.source for cell in read("solution", name).cells)
    assert "NotImplementedError(" not in text and "### " not in text.replace("#### ", "")
    assert "# Hidden tests" in text
    stored = json.loads(path_of("solution", name).read_text(encoding="utf-8"))
    assert stored["metadata"]["minidiff"]["code"] == dev.code_digest(stored)
    assert dev.failures(stored) == []


def points_of(name):
    """Test cell -> its points."""
    cells = read("source", name).cells
    return {cell.id: cell.metadata["nbgrader"]["points"] for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")}


@every_chapter
def test_statement_and_metadata_tell_the_same_points(name):
    points = points_of(name)
    told = {cell.id: cell.source for cell in read("source", name).cells if cell.cell_type == "markdown"}
    assert len(points) >= 9
    for test, worth in points.items():
        heading = told[test.replace("test-", "text-")].splitlines()[1]
        assert heading.endswith(f"({worth} point{'s' if worth > 1 else ''})"), heading
    table = [line.split("|") for line in told["title"].splitlines() if re.match(r"\| \d+\.", line)]
    assert sum(int(row[3]) for row in table) == sum(points.values())


def test_the_page_for_instructors_tells_the_same_points_and_sums():
    page = (ROOT / "book" / "appendix" / "for_instructors.md").read_text(encoding="utf-8")
    told = {row[0]: int(row[1]) for row in re.findall(r"^\| (\d+\.\d+) \|[^|]*\| (\d+) \|", page, re.MULTILINE)}
    points = {test.removeprefix("test-").replace("-", "."): worth for name in NAMES for test, worth in points_of(name).items()}
    assert told == points
    for name in NAMES:
        assert f"{sum(points_of(name).values())} points" in page, f"the sum for {name}"


@every_chapter
def test_cell_ids_are_stable_and_unique(name):
    cells = read("source", name).cells
    ids = [cell.id for cell in cells]
    assert len(set(ids)) == len(ids)
    assert all(cell.metadata["nbgrader"]["grade_id"] == cell.id for cell in cells if "nbgrader" in cell.metadata)
    assert [cell.id for cell in read("student", name).cells] == ids


@every_chapter
def test_lines_fit_a_page(name):
    """Code that readers see is at most 88 characters wide, hidden tests and solutions 110."""
    shown = [line for cell in read("student", name).cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    hidden = [line for cell in read("source", name).cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert [line for line in shown if len(line) > 88] == []
    assert [line for line in hidden if len(line) > 110] == []


def test_release_makes_a_course_folder(tmp_path, capsys):
    generate.release(tmp_path / "course")
    assert all((tmp_path / "course" / "source" / name / f"{name}.ipynb").exists() for name in NAMES)
    assert (tmp_path / "course" / "nbgrader_config.py").exists()
    with pytest.raises(SystemExit, match="already holds"):
        generate.release(tmp_path / "course")
