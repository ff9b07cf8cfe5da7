"""Make the editions of the exercises from their one source, a notebook in nbgrader's format.

    python -m minidiff.dev exercises                   write the student and the solution editions
    python -m minidiff.dev exercises check             fail if a stored edition is not what the source makes
    python -m minidiff.dev exercises release FOLDER    a course folder for nbgrader: source/ and nbgrader_config.py

Source    exercises/source/NAME/NAME.ipynb   solutions and hidden tests between nbgrader's marks
Student   exercises/NAME.ipynb               what the book shows: stubs and visible tests, no outputs
Solution  exercises/solutions/NAME.ipynb     answers and all tests, executed
"""
import argparse
import copy
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))                                # the checkout's minidiff, whatever else is installed
STUB = "# Your answer here. Then delete the next line."
MARKS = re.compile(r"^\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\n?", re.MULTILINE)
HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS$", re.MULTILINE)
RAISE = re.compile(r'\n\s*raise NotImplementedError\("Exercise [\d.]+"\)$')
ANCHOR = re.compile(r"^\([a-z0-9-]+\)=\n", re.MULTILINE)     # for links inside the site
SITE_LINK = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")        # a page beside the notebook in the repository
CONFIG = f'''"""nbgrader's settings for a course made of minidiff's exercises."""
from pathlib import Path

c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "minidiff"
c.ClearSolutions.code_stub = {{"python": {STUB!r}}}
c.Execute.timeout = 300          # seconds for one cell; the slowest test takes about ten
'''


def sources(root=ROOT):
    """Paths of the source notebooks."""
    return sorted((root / "exercises" / "source").glob("*/*.ipynb"))


def student_edition(source):
    """Stubs in the place of solutions, visible tests only, tests locked: nbgrader's own preprocessors."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

    notebook = copy.deepcopy(source)
    for step in (LockCells(), ClearSolutions(code_stub={"python": STUB}), ClearOutput(), ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {})
    for cell in notebook.cells:
        cell.source = cell.source.rstrip("\n")
    return notebook


def solution_edition(source):
    """The answers and all tests as plain code, without nbgrader's marks, stubs and metadata."""
    notebook = copy.deepcopy(source)
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
        if cell.cell_type == "code":
            code = HIDDEN.sub("# Hidden tests", RAISE.sub("", cell.source))
            cell.source = MARKS.sub("", code).rstrip("\n")
        else:
            cell.source = SITE_LINK.sub(r"\1", ANCHOR.sub("", cell.source))
    notebook.cells[0].source = notebook.cells[0].source.replace("# Exercises for", "# Solutions to the exercises for", 1)
    return notebook


def course_edition(source):
    """The source as an instructor gets it: nbgrader's marks stay, links into this site go."""
    notebook = copy.deepcopy(source)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = SITE_LINK.sub(r"\1", ANCHOR.sub("", cell.source))
    return notebook


def editions(path, root=ROOT):
    """Path of each edition -> the notebook that the source at `path` makes, without outputs."""
    import nbformat

    source = nbformat.read(path, as_version=4)
    exercises = root / "exercises"
    return {exercises / path.name: student_edition(source), exercises / "solutions" / path.name: solution_edition(source)}


def content(notebook):
    """What must not drift: ids, kinds, texts and metadata of all cells, not their outputs."""
    return [(cell.id, cell.cell_type, cell.source, cell.metadata.get("nbgrader")) for cell in notebook.cells]


def drifted(root=ROOT):
    """Stored editions that are missing or are not what their source makes."""
    import nbformat

    made = {path: notebook for source in sources(root) for path, notebook in editions(source, root).items()}
    return [path for path, notebook in made.items()
            if not path.exists() or content(nbformat.read(path, as_version=4)) != content(notebook)]


def write(root=ROOT):
    """Write the editions that drifted, and run the solutions among them."""
    import nbformat

    from minidiff import dev

    stale = drifted(root)
    for source in sources(root):
        for path, notebook in editions(source, root).items():
            if path in stale:
                path.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(notebook, path)
                print(f"wrote {path.relative_to(root)}")
    return dev.run([path for path in stale if path.parent.name == "solutions"])


def release(folder, root=ROOT):
    """Make a course folder for nbgrader; refuses to touch one that holds something else."""
    import nbformat

    folder = Path(folder).resolve()
    if (folder / "source").exists():
        raise SystemExit(f"{folder} already holds source/: choose an empty folder, so that nothing of yours is overwritten")
    for path in sources(root):
        target = folder / "source" / path.parent.name / path.name
        target.parent.mkdir(parents=True)
        nbformat.write(course_edition(nbformat.read(path, as_version=4)), target)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    names = " ".join(path.parent.name for path in sources(root))
    print(f"course folder: {folder}\nassignments: {names}\nnext: cd {folder} && nbgrader generate_assignment {names}")


def main(arguments=None):
    """Run one command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m minidiff.dev exercises", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("check", help="fail if a stored edition is not what the source makes")
    commands.add_parser("release", help="make a course folder for nbgrader").add_argument("folder")
    given = parser.parse_args(arguments)
    if given.command == "release":
        return release(given.folder)
    if given.command == "check":
        for path in drifted():
            print(f"not what the source makes: {path.relative_to(ROOT)}; run `python -m minidiff.dev exercises`")
        return 1 if drifted() else 0
    return write()


if __name__ == "__main__":
    sys.exit(main())
