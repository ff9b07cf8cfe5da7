"""Whole notebooks through nbgrader itself: hand out, hand in, autograde, as an instructor would."""
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="needs the extra 'exercises'")

ROOT = Path(__file__).resolve().parents[2]
PLANTED_WRONG = {"ch2_foundations": ("2.1", "2.4", "2.9", "2.11"), "ch3_sampling": ("3.1", "3.4", "3.8", "3.9"),
                 "ch4_likelihood": ("4.1", "4.3", "4.8", "4.9")}


def nbgrader(course, *arguments):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])     # it calls alembic
    done = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=course, capture_output=True, text=True,
                          env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]


def first_wrong_answer(exercise):
    text = (Path(__file__).parent / "answers" / f"wrong_{exercise.replace('.', '_')}.py").read_text(encoding="utf-8")
    return text.split("# %% ")[1].split("\n", 1)[1]


def hand_in(course, name, student, answers):
    """A student's notebook: the released one with some of its answer cells filled in."""
    notebook = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    target = course / "submitted" / student / name / f"{name}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder with all chapters."""
    course = tmp_path_factory.mktemp("course") / "course"
    made = subprocess.run([sys.executable, str(ROOT / "exercises" / "generate.py"), "release", str(course)],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return course


@pytest.fixture(scope="module", params=sorted(PLANTED_WRONG))
def scores(request, course):
    """Chapter, student -> {test cell: marks}, and the marks that can be had, from a real run of nbgrader."""
    from nbgrader.api import Gradebook

    name = request.param
    nbgrader(course, "generate_assignment", name)
    source = nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4)
    answers = {cell.id: cell.source for cell in source.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    wrong = {f"answer-{exercise.replace('.', '-')}": first_wrong_answer(exercise) for exercise in PLANTED_WRONG[name]}
    hand_in(course, name, "blank", {})
    hand_in(course, name, "reference", answers)
    hand_in(course, name, "some_wrong", {**answers, **wrong})
    nbgrader(course, "autograde", name)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        table = {student: {grade.name: grade.score for grade in book.find_submission_notebook(name, name, student).grades}
                 for student in ("blank", "reference", "some_wrong")}
        most = {cell.name: cell.max_score for cell in book.find_notebook(name, name).grade_cells}
    return name, table, most


def test_reference_earns_full_marks(scores):
    _, table, most = scores
    assert table["reference"] == most


def test_blank_earns_none(scores):
    _, table, most = scores
    assert set(table["blank"]) == set(most) and not any(table["blank"].values())


def test_wrong_answers_lose_exactly_their_own_marks(scores):
    name, table, most = scores
    lost = {test for test in most if table["some_wrong"][test] < most[test]}
    assert lost == {f"test-{exercise.replace('.', '-')}" for exercise in PLANTED_WRONG[name]}
    assert not any(table["some_wrong"][test] for test in lost)


def test_every_chapter_is_graded():
    assert {path.name for path in (ROOT / "exercises" / "source").iterdir() if path.is_dir()} == set(PLANTED_WRONG)
