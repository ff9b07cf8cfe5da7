"""The exercises grade as promised: right answers earn their marks, blank and wrong ones do not.

Answers are graded one exercise at a time in this process. That is enough for "loses exactly its own marks", because no
exercise reads a name that another one defines, which is tested as well. `test_nbgrader.py` grades whole notebooks.
"""
import ast
import builtins
import contextlib
import io
import json
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = Path(__file__).parent / "answers"
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS", re.DOTALL)


def code_of(path):
    """Cell id -> code, for all code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"}


EXERCISES = {}                                # "2.1" -> the code cells of its chapter: the source's, the student's
for source in sorted((ROOT / "exercises" / "source").glob("*/*.ipynb")):
    chapter = code_of(source), code_of(ROOT / "exercises" / source.name)
    EXERCISES |= {name.removeprefix("answer-").replace("-", "."): chapter for name in chapter[0] if name.startswith("answer-")}
_prepared = {}


def dashed(exercise):
    return exercise.replace(".", "-")


def code(exercise, kind):
    """The cell KIND-N-N of the source, with solution and hidden tests; None if there is none."""
    return EXERCISES[exercise][0].get(f"{kind}-{dashed(exercise)}")


def shown(exercise, kind):
    """The same cell as the student sees it."""
    return EXERCISES[exercise][1].get(f"{kind}-{dashed(exercise)}")


def shared(exercise):
    """The cells that all exercises of the chapter use."""
    return [EXERCISES[exercise][0][name] for name in ("setup", "helpers")]


def run(cell, name, namespace):
    """Execute one cell, quietly."""
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(cell, name, "exec"), namespace)


def prepared(exercise):
    """A fresh namespace in which the given cells of an exercise have been run (once for all its answers)."""
    if exercise not in _prepared:
        namespace = {"__name__": "__main__"}
        for given in (*shared(exercise), code(exercise, "fault") or ""):
            run(given, f"given cells of {exercise}", namespace)
        _prepared[exercise] = namespace
    return dict(_prepared[exercise])


def grade(exercise, answer, tests=None):
    """None if the answer earns its marks, else the error that it met in its own cell or in the tests."""
    namespace = prepared(exercise)
    torch.manual_seed(0)
    try:
        run(answer, f"answer {exercise}", namespace)
        run(tests or code(exercise, "test"), f"test {exercise}", namespace)
    except Exception as error:
        return error
    return None


def planted(kind):
    """(exercise, code) of each answer in answers/KIND_*.py; each `# %%` line begins one and says what it is."""
    found = []
    for exercise in EXERCISES:
        path = ANSWERS / f"{kind}_{exercise.replace('.', '_')}.py"
        for part in path.read_text(encoding="utf-8").split("# %% ")[1:]:
            title, answer = part.split("\n", 1)
            found.append(pytest.param(exercise, answer, id=f"{exercise} {title}"))
    return found


@pytest.mark.parametrize("exercise", EXERCISES)
def test_reference_earns_the_marks(exercise):
    assert grade(exercise, code(exercise, "answer")) is None


@pytest.mark.parametrize("exercise, answer", planted("right"))
def test_other_right_answers_earn_the_marks(exercise, answer):
    assert grade(exercise, answer) is None


@pytest.mark.parametrize("exercise, answer", planted("wrong"))
def test_wrong_answer_loses_the_marks(exercise, answer):
    error = grade(exercise, answer)
    assert error is not None, "the tests of this exercise accept a wrong answer"
    assert not isinstance(error, (NameError, SyntaxError)), f"the planted answer does not even run: {error!r}"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_stub_names_its_exercise_and_fails_the_visible_tests(exercise):
    """Blank earns nothing, and the student sees which exercise is open."""
    error = grade(exercise, shown(exercise, "answer"), tests=shown(exercise, "test"))
    assert isinstance(error, NotImplementedError) and str(error) == f"Exercise {exercise}"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_reference_passes_the_visible_tests(exercise):
    assert grade(exercise, code(exercise, "answer"), tests=shown(exercise, "test")) is None


@pytest.mark.parametrize("exercise", EXERCISES)
def test_hidden_tests_alone_reject_the_stub(exercise):
    hidden = HIDDEN.search(code(exercise, "test"))
    assert hidden, "every exercise has hidden tests"
    visible = HIDDEN.sub("", code(exercise, "test")).rstrip()
    assert visible == shown(exercise, "test")
    assert isinstance(grade(exercise, shown(exercise, "answer")), NotImplementedError)


def names(cell):
    """Names that a cell reads, and names that it binds anywhere."""
    nodes = list(ast.walk(ast.parse(cell)))
    reads = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    binds = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    binds |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    binds |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    binds |= {(a.asname or a.name).split(".")[0] for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)) for a in node.names}
    return reads, binds


@pytest.mark.parametrize("exercise", EXERCISES)
def test_exercises_do_not_lean_on_each_other(exercise):
    """So a wrong answer costs the marks of its own exercise and no others."""
    own = [cell for cell in (code(exercise, kind) for kind in ("fault", "answer", "test")) if cell]
    reads, binds = (set().union(*sets) for sets in zip(*map(names, own)))
    common = names("\n".join(shared(exercise)))[1]
    assert reads - binds - common - set(dir(builtins)) == set()
    defined = {node.name for cell in own for node in ast.parse(cell).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert not defined & common, "an exercise must not replace what all of them use"


@pytest.mark.parametrize("kind, least", [("wrong", 2), ("right", 1)])
def test_every_exercise_has_planted_answers(kind, least):
    counts = {exercise: 0 for exercise in EXERCISES}
    for answer in planted(kind):
        counts[answer.values[0]] += 1
    assert min(counts.values()) >= least, counts
