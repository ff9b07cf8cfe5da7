"""Whole notebooks through nbgrader itself: hand out, hand in, autograde, as an instructor would."""
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="needs the extra 'exercises'")

ROOT = Path(__file__).resolve().parents[2]
NAME = "ch2_foundations"
PLANTED_WRONG = ("2.1", "2.4", "2.9", "2.11")


def nbgrader(course, *arguments):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])     # it calls alembic
    done = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=course, capture_output=True, text=True,
                          env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]


def first_wrong_answer(exercise):
    text = (Path(__file__).parent / "answers" / f"wrong_{exercise.replace('.', '_')}.py").read_text(encoding="utf-8")
    return text.split("# %% ")[1].split("\n", 1)[1]


def hand_in(course, student, answers):
    """A student's notebook: the released one with some of its answer cells filled in."""
    notebook = nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    target = course / "submitted" / student / NAME / f"{NAME}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Student -> {test cell: marks}, and the marks that can be had, from a real run of nbgrader."""
    from nbgrader.api import Gradebook

    course = tmp_path_factory.mktemp("course") / "course"
    made = subprocess.run([sys.executable, str(ROOT / "exercises" / "generate.py"), "release", str(course)],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    nbgrader(course, "generate_assignment", NAME)
    source = nbformat.read(course / "source" / NAME / f"{NAME}.ipynb", as_version=4)
    answers = {cell.id: cell.source for cell in source.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    wrong = {f"answer-{exercise.replace('.', '-')}": first_wrong_answer(exercise) for exercise in PLANTED_WRONG}
    hand_in(course, "blank", {})
    hand_in(course, "reference", answers)
    hand_in(course, "some_wrong", {**answers, **wrong})
    nbgrader(course, "autograde", NAME)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        table = {student: {grade.name: grade.score for grade in book.find_submission_notebook(NAME, NAME, student).grades}
                 for student in ("blank", "reference", "some_wrong")}
        most = {cell.name: cell.max_score for cell in book.find_notebook(NAME, NAME).grade_cells}
    return table, most


def test_reference_earns_full_marks(scores):
    table, most = scores
    assert table["reference"] == most


def test_blank_earns_none(scores):
    table, most = scores
    assert set(table["blank"]) == set(most) and not any(table["blank"].values())


def test_wrong_answers_lose_exactly_their_own_marks(scores):
    table, most = scores
    lost = {name for name in most if table["some_wrong"][name] < most[name]}
    assert lost == {f"test-{exercise.replace('.', '-')}" for exercise in PLANTED_WRONG}
    assert not any(table["some_wrong"][name] for name in lost)
