"""The stored editions are what the source makes, and hold what they should."""
import importlib.util
import json
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="needs the extra 'exercises'")

ROOT = Path(__file__).resolve().parents[2]
NAME = "ch2_foundations.ipynb"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load(ROOT / "exercises" / "generate.py")
SOURCE = nbformat.read(ROOT / "exercises" / "source" / "ch2_foundations" / NAME, as_version=4)
STUDENT = nbformat.read(ROOT / "exercises" / NAME, as_version=4)
SOLUTION = nbformat.read(ROOT / "exercises" / "solutions" / NAME, as_version=4)


def copy_of_exercises(folder):
    for path in (ROOT / "exercises").rglob(NAME):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


def test_stored_editions_are_what_the_source_makes():
    assert generate.drifted() == []


@pytest.mark.parametrize("edition", [f"source/ch2_foundations/{NAME}", NAME, f"solutions/{NAME}"])
def test_drift_is_noticed(tmp_path, edition):
    """An edit to any one of the three notebooks shows."""
    path = copy_of_exercises(tmp_path) / "exercises" / edition
    text = path.read_text(encoding="utf-8")
    assert "process.alpha(t) ** 2" in text or "data_std" in text
    path.write_text(text.replace("data_std", "spread_of_data", 1), encoding="utf-8")
    assert generate.drifted(tmp_path)


def test_missing_edition_is_noticed(tmp_path):
    copy_of_exercises(tmp_path)
    (tmp_path / "exercises" / NAME).unlink()
    assert generate.drifted(tmp_path) == [tmp_path / "exercises" / NAME]


def test_student_edition_gives_nothing_away():
    text = "\n".join(cell.source for cell in STUDENT.cells)
    assert "SOLUTION" not in text and "HIDDEN" not in text
    assert text.count("raise NotImplementedError(") == sum(cell.metadata.get("nbgrader", {}).get("solution", False) for cell in STUDENT.cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in STUDENT.cells)
    locked = [cell for cell in STUDENT.cells if cell.metadata.get("nbgrader", {}).get("locked")]
    assert locked and all(cell.metadata.get("editable") is False for cell in locked)


def test_solution_edition_is_plain_code_with_stored_results():
    from minidiff import dev

    text = "\n".join(cell.source for cell in SOLUTION.cells)
    assert "NotImplementedError(" not in text and "### " not in text.replace("#### ", "")
    assert "# Hidden tests" in text
    stored = json.loads((ROOT / "exercises" / "solutions" / NAME).read_text(encoding="utf-8"))
    assert stored["metadata"]["minidiff"]["code"] == dev.code_digest(stored)
    assert dev.failures(stored) == []


def test_statement_and_metadata_tell_the_same_points():
    points = {cell.id: cell.metadata["nbgrader"]["points"] for cell in SOURCE.cells if cell.metadata.get("nbgrader", {}).get("grade")}
    told = {cell.id: cell.source for cell in SOURCE.cells if cell.cell_type == "markdown"}
    assert len(points) >= 9
    for name, worth in points.items():
        heading = told[name.replace("test-", "text-")].splitlines()[1]
        assert heading.endswith(f"({worth} point{'s' if worth > 1 else ''})"), heading
    table = [line.split("|") for line in told["title"].splitlines() if line.startswith("| 2.")]
    assert sum(int(row[3]) for row in table) == sum(points.values())


def test_cell_ids_are_stable_and_unique():
    ids = [cell.id for cell in SOURCE.cells]
    assert len(set(ids)) == len(ids)
    assert all(cell.metadata["nbgrader"]["grade_id"] == cell.id for cell in SOURCE.cells if "nbgrader" in cell.metadata)
    assert [cell.id for cell in STUDENT.cells] == ids


def test_lines_fit_a_page():
    """Code that readers see is at most 88 characters wide, hidden tests and solutions 110."""
    shown = [line for cell in STUDENT.cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    hidden = [line for cell in SOURCE.cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert [line for line in shown if len(line) > 88] == []
    assert [line for line in hidden if len(line) > 110] == []


def test_release_makes_a_course_folder(tmp_path, capsys):
    generate.release(tmp_path / "course")
    assert (tmp_path / "course" / "source" / "ch2_foundations" / NAME).exists()
    assert (tmp_path / "course" / "nbgrader_config.py").exists()
    with pytest.raises(SystemExit, match="already holds"):
        generate.release(tmp_path / "course")
