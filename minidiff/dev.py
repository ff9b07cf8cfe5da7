"""The project's commands: build the book, run the tests, store a notebook's outputs, calibrate its claims.

    python -m minidiff.dev book [--execute]      the site; with --execute every notebook is run first
    python -m minidiff.dev test [PART ...]       parts: unit, notebooks, exercises, site (else all)
    python -m minidiff.dev run NOTEBOOK ...      run notebooks and store their outputs in place
    python -m minidiff.dev calibrate NOTEBOOK ...  run with five seeds, write book/calibration.json
    python -m minidiff.dev exercises [ARG ...]   hand over to exercises/generate.py
    python -m minidiff.dev bench                 timings beside other libraries, book/benchmarks.json

Only the standard library is imported here, so that a missing extra gives a sentence and not a traceback.
"""

import argparse
import asyncio
import hashlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLAIM = "application/vnd.minidiff.claim+json"
SEEDS = (0, 1, 2, 3, 4)
CELL_TIMEOUT = 600  # seconds; a page has 120 s in all, a busy machine may need more
COVERAGE = 95  # percent of minidiff's lines that unit and contract tests must reach


# ------------------------------------------------------------------------------------------------ notebooks
def code_digest(notebook):
    """SHA-256 over the code cells of a notebook (a dict in nbformat 4).

    It is stored when the outputs are stored, so that outputs older than the code can be told.
    """
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def find_notebooks(root):
    """Notebooks that have outputs: all of book/, and the solutions of the exercises."""
    found = [*(root / "book").rglob("*.ipynb"), *(root / "exercises" / "solutions").rglob("*.ipynb")]
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def claims_of(notebook):
    """The facts of every claim card in a notebook's stored outputs, in order."""
    outputs = [out for cell in notebook["cells"] for out in cell.get("outputs", [])]
    return [out["data"][CLAIM] for out in outputs if CLAIM in out.get("data", {})]


def tidy(notebook, seconds, seed=0):
    """Drop what should not be stored (progress bars, cell times) and note how the outputs were made."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        cell["metadata"].pop("execution", None)
        cell["outputs"] = [out for out in cell["outputs"] if out.get("name") != "stderr"]
    notebook["metadata"].pop("signature", None)
    notebook["metadata"]["minidiff"] = {
        "code": code_digest(notebook),
        "seconds": round(seconds, 1),
        "seed": seed,
        "threads": int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count(),
        "python": ".".join(map(str, sys.version_info[:2])),
        "torch": _version("torch"),
    }


def _version(package):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "none"


def _has_gpu():
    if os.environ.get("MINIDIFF_GPU"):
        return True
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _client(notebook, folder, allow_errors):
    """An nbclient that leaves cells tagged `gpu`, and their stored outputs, alone where there is no GPU."""
    from nbclient import NotebookClient

    class Client(NotebookClient):
        async def async_execute_cell(self, cell, cell_index, **rest):
            if "gpu" in cell["metadata"].get("tags", []) and not _has_gpu():
                return cell
            return await super().async_execute_cell(cell, cell_index, **rest)

    return Client(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(folder)}},
    )


def failures(notebook):
    """(cell number, error) of each code cell that raised; counted from 1, as a reader counts."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    found = []
    for number, cell in enumerate(code, 1):
        expected = "raises-exception" in cell["metadata"].get("tags", [])
        for out in cell["outputs"]:
            if out["output_type"] == "error" and not expected:
                found.append((number, f"{out['ename']}: {out['evalue']}"))
    return found


async def _execute(path, seed, allow_errors):
    """Run one notebook in its own folder -> (notebook, seconds, failures)."""
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    environment = {**os.environ, "MINIDIFF_SEED": str(seed)}
    started, bad = time.monotonic(), []
    try:
        await _client(notebook, path.parent, allow_errors).async_execute(env=environment)
    except CellExecutionError:
        pass  # the error is in the cell's outputs
    except (CellTimeoutError, DeadKernelError) as error:
        bad = [(0, f"{type(error).__name__}: {str(error).splitlines()[0]}")]
    return notebook, time.monotonic() - started, failures(notebook) + bad


def execute_all(jobs, workers, store, allow_errors=False):
    """Run (path, seed) jobs, `workers` kernels at a time, with a line of progress for each.

    `store(path, seed, notebook, seconds)` is called for each run without an error. Returns lines that name
    notebook, cell and error.
    """

    async def everything():
        gate, done, problems = asyncio.Semaphore(workers), 0, []

        async def one(path, seed):
            nonlocal done
            async with gate:
                notebook, seconds, bad = await _execute(path, seed, allow_errors)
            done += 1
            name = "/".join(path.parts[-2:])
            print(
                f"[{done}/{len(jobs)}] {name} seed {seed}: {'FAILED' if bad else 'ran'} in {seconds:.1f} s",
                flush=True,
            )
            during = f" (seed {seed})" if seed else ""
            problems.extend(f"{name}, code cell {number}: {error}{during}" for number, error in bad)
            if allow_errors or not bad:
                store(path, seed, notebook, seconds)

        await asyncio.gather(*(one(path, seed) for path, seed in jobs))
        return problems

    return asyncio.run(everything())


def _write(path, notebook):
    import nbformat

    partial = path.with_suffix(".partial")
    nbformat.write(notebook, partial)
    os.replace(partial, path)


def _write_text(path, text):
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    os.replace(partial, path)


def _store_tidied(path, seed, notebook, seconds):
    tidy(notebook, seconds, seed)
    _write(path, notebook)


def run(paths, workers=1):
    """Run notebooks and store their outputs in place; a notebook that fails keeps its old outputs."""
    return _report(execute_all([(Path(path).resolve(), 0) for path in paths], workers, _store_tidied))


def _report(problems):
    for line in problems:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if problems else 0


# ---------------------------------------------------------------------------------------------- calibration
def summarise(values_by_claim):
    """{key: {seed: claim}} -> {key: {values, seeds, spread, relation, bounds, holds}}; spread is a std."""
    table = {}
    for key, by_seed in values_by_claim.items():
        facts = [by_seed[seed] for seed in sorted(by_seed)]
        values = [float(fact["measured"]) for fact in facts]
        table[key] = {
            "values": values,
            "seeds": sorted(by_seed),
            "spread": statistics.stdev(values) if len(values) > 1 else 0.0,
            "relation": facts[0]["relation"],
            "bounds": [fact["bound"] for fact in facts],
            "holds": [bool(fact["holds"]) for fact in facts],
        }
    return table


def calibrate(paths, workers=2, root=ROOT, seeds=SEEDS):
    """Run each notebook with every seed and merge what its claims measured into book/calibration.json."""
    seen = {}

    def store(path, seed, notebook, _):
        for fact in claims_of(notebook):
            key = f"{fact['system']}|{fact['statement']}"
            seen.setdefault(path, {}).setdefault(key, {})[seed] = fact

    paths = [Path(path).resolve() for path in paths]
    problems = execute_all(
        [(path, seed) for path in paths for seed in seeds], workers, store, allow_errors=True
    )
    target = root / "book" / "calibration.json"
    table = json.loads(target.read_text()) if target.exists() else {}
    for path in paths:
        name = path.relative_to(root / "book").as_posix() if path.is_relative_to(root / "book") else path.name
        table = {key: row for key, row in table.items() if row.get("notebook") != name}
        for key, row in summarise(seen.get(path, {})).items():
            table[key] = {"notebook": name, **row}
            problems += (
                []
                if len(row["values"]) == len(seeds)
                else [f"{name}: '{key}' seen {len(row['values'])} times"]
            )
            problems += [] if all(row["holds"]) else [f"{name}: '{key}' fails for some seed: {row['values']}"]
    _write_text(target, json.dumps(table, indent=1, sort_keys=True) + "\n")
    print(f"{len(table)} claims in {target}")
    return _report(problems)


# --------------------------------------------------------------------------------------------------- the site
def site_digest(root):
    """SHA-256 over everything the site is made from."""
    total = hashlib.sha256()
    patterns = ["_config.yml", "book/**/*", "exercises/**/*", "minidiff/**/*.py"]
    files = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    for path in sorted(files):
        if "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts:
            total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def site_folder(root):
    """Where the built pages lie."""
    return root / "build" / "_build" / "html"


def site_is_fresh(root):
    """True when the built site was made from the files as they are now."""
    stamp = root / "build" / "site.sha256"
    return (
        stamp.exists()
        and (site_folder(root) / "index.html").exists()
        and stamp.read_text() == site_digest(root)
    )


def _stage(root):
    """Copy what the site is made from to build/executed, so that the stored notebooks stay as they are."""
    stage = root / "build" / "executed"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    shutil.copy(root / "_config.yml", stage)
    for name in ("book", "exercises"):
        if (root / name).is_dir():
            shutil.copytree(
                root / name, stage / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
            )
    return stage


def _build(source, output):
    """Run Jupyter Book; exit status. Warnings and references that lead nowhere are errors."""
    # jupyter-book cannot be started with -m, and its script may not be on the path.
    start = "import sys; from jupyter_book.cli.main import main; sys.argv[0] = 'jupyter-book'; main()"
    options = ["--toc", str(source / "book" / "_toc.yml"), "--path-output", str(output)]
    flags = ["-W", "-n", "--keep-going", "--all", "-q"]
    command = [sys.executable, "-c", start, "build", str(source), *options, *flags]
    # The library that the pages describe must be the checkout's, whatever else is installed.
    path = os.pathsep.join([str(output.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(command, cwd=source, env={**os.environ, "PYTHONPATH": path}).returncode


def book(root=ROOT, execute=False, workers=2):
    """Build the site, from stored outputs or from a fresh run of every notebook."""
    _need("jupyter_book", "book")
    started, source, output = time.monotonic(), root, root / "build"
    stamp = output / "site.sha256"
    stamp.unlink(missing_ok=True)
    shutil.rmtree(output / "_build", ignore_errors=True)  # pages that are gone must not stay
    if execute:
        source = _stage(root)
        jobs = [(path, 0) for path in find_notebooks(source)]
        print(f"running {len(jobs)} notebooks, {workers} at a time", flush=True)
        if _report(execute_all(jobs, workers, _store_tidied)):
            print("minidiff book: a notebook failed, the site was not built")
            return 1
    digest = site_digest(root)
    print("building the pages", flush=True)
    code = _build(source, output)
    page = site_folder(root) / "index.html"
    if code or not page.exists():
        print("minidiff book: the build failed (warnings count as errors, see above)")
        return code or 1
    stamp.write_text("executed" if execute else digest)
    print(f"minidiff book: built in {time.monotonic() - started:.0f} s. Open {page.as_uri()}")
    return 0


# -------------------------------------------------------------------------------------------------- the tests
def test_commands(root):
    """Part of the tests -> the pytest command that runs it, for the parts that have files."""
    pytest = [sys.executable, "-m", "pytest", "-q"]
    folders = [str(root / "book"), str(root / "exercises" / "solutions")]
    apart = [f"--ignore={root / 'tests' / name}" for name in ("exercises", "site", "benchmarks")]
    commands = {
        "unit": [
            *pytest,
            str(root / "tests"),
            *apart,
            "-n",
            "2",
            "--cov=minidiff",
            f"--cov-fail-under={COVERAGE}",
        ],
        "notebooks": [
            *pytest,
            "--nbval-lax",
            "--nbval-cell-timeout=300",
            "--nbval-current-env",
            "-n",
            "2",
            "--dist",
            "loadfile",
            *(name for name in folders if Path(name).is_dir()),
        ],
        "exercises": [*pytest, str(root / "tests" / "exercises")],
        "site": [*pytest, "-rs", str(root / "tests" / "site")],
    }
    if not find_notebooks(root):
        del commands["notebooks"]
    return {
        part: command
        for part, command in commands.items()
        if part == "notebooks" or Path(command[-1]).is_dir() or part == "unit"
    }


def test(parts=(), root=ROOT):
    """Run the parts of the tests one after another; all run, and one failure makes the whole fail."""
    for module in ("pytest", "nbval", "xdist", "pytest_cov"):
        _need(module, "test")
    commands = test_commands(root)
    unknown = [part for part in parts if part not in commands]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(commands)}", file=sys.stderr)
        return 2
    results = {}
    for part, command in commands.items():
        if parts and part not in parts:
            continue
        print(f"\n=== {part} ===", flush=True)
        started = time.monotonic()
        code = subprocess.run(command, cwd=root).returncode
        results[part] = (code, time.monotonic() - started)
    lines = [
        f"{part} {'passed' if code == 0 else 'FAILED'} ({seconds:.0f} s)"
        for part, (code, seconds) in results.items()
    ]
    bad = any(code for code, _ in results.values())
    print(f"\nminidiff test: {', '.join(lines)}. {'NOT all passed.' if bad else 'All passed.'}")
    return 1 if bad else 0


# ------------------------------------------------------------------------------- the timings
def bench(root=ROOT):
    """Time the library beside its peers: print the figures, store them in book/benchmarks.json."""
    _need("pytest_benchmark", "test")
    missing = [name for name in ("diffusers", "azula") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (`make bench` installs them)")
    raw = root / "build" / "benchmarks.json"
    raw.parent.mkdir(exist_ok=True)
    started = time.monotonic()
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    options = ["-W", "ignore::DeprecationWarning", "--benchmark-quiet", f"--benchmark-json={raw}"]
    command = [*pytest, *options, str(root / "tests" / "benchmarks")]
    code = subprocess.run(command, cwd=root).returncode
    if code:
        return code
    found = figures(json.loads(raw.read_text()))
    found["made"]["minutes"] = round((time.monotonic() - started) / 60, 1)
    for table in found["tables"].values():
        print(f"\n{table['title']}\n" + "\n".join(text_table(table["rows"])))
    _write_text(root / "book" / "benchmarks.json", json.dumps(found, indent=1) + "\n")
    return 0


def figures(raw):
    """What pytest-benchmark wrote -> {made: when and with what, tables: {key: {title, rows}}}.

    A benchmark says in its extra_info which table its rows belong to; a row is {column: value}.
    """
    from importlib.metadata import PackageNotFoundError, version

    machine = raw["machine_info"]
    made = {"date": raw["datetime"][:10], "cpu": machine["cpu"].get("brand_raw", "unknown"),
            "python": machine["python_version"]}
    for name in ("torch", "numpy", "diffusers", "azula", "accelerate"):
        try:
            made[name] = version(name)
        except PackageNotFoundError:
            made[name] = None
    tables = {}
    for bench in raw["benchmarks"]:
        facts = bench["extra_info"]
        table = tables.setdefault(facts["table"], {"title": facts["title"], "rows": []})
        table["rows"] += facts["rows"]
    return {"made": made, "tables": tables}


def text_table(rows):
    """Rows {column: value} as lines of text; a column stands where it is first seen."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths)] for line in cells)
    return ["  ".join(line).rstrip() for line in padded]


def _cell(value):
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def exercises(arguments, root=ROOT):
    """Hand over to exercises/generate.py, which makes the student and solution editions."""
    return subprocess.run(
        [sys.executable, str(root / "exercises" / "generate.py"), *arguments], cwd=root
    ).returncode


def _need(module, extra):
    if importlib.util.find_spec(module) is None:
        raise SystemExit(
            f"{module} is not installed. Run: pip install -e '.[book,test,exercises]' -c constraints.txt "
            f"(it belongs to the extra '{extra}')"
        )


def parser():
    """The command line of `python -m minidiff.dev`."""
    main_parser = argparse.ArgumentParser(prog="python -m minidiff.dev", description=__doc__.splitlines()[0])
    main_parser.add_argument(
        "--root", type=Path, default=ROOT, help="the project's folder (default: this checkout)"
    )
    commands = main_parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("book", help="build the site")
    one.add_argument("--execute", action="store_true", help="run every notebook first, in a copy")
    one.add_argument("--workers", type=int, default=2, help="notebooks run at a time")
    one = commands.add_parser("test", help="run the tests")
    one.add_argument("parts", nargs="*", metavar="PART", help="unit, notebooks, exercises, site")
    for name, text, workers in (
        ("run", "run notebooks, store their outputs in place", 1),
        ("calibrate", "run notebooks with five seeds, write book/calibration.json", 2),
    ):
        one = commands.add_parser(name, help=text)
        one.add_argument("notebooks", nargs="+", metavar="NOTEBOOK")
        one.add_argument("--workers", type=int, default=workers)
    commands.add_parser(
        "exercises", help="make the student and solution editions; arguments go to exercises/generate.py"
    )
    commands.add_parser("bench", help="timings beside other libraries, in book/benchmarks.json")
    return main_parser


def main(arguments=None):
    """Run one command; returns its exit status."""
    given, rest = parser().parse_known_args(arguments)
    if rest and given.command != "exercises":
        parser().error(f"unknown arguments: {' '.join(rest)}")
    root = given.root.resolve()
    if not (root / "_config.yml").exists():
        raise SystemExit(
            f"{root} has no _config.yml: these commands need a checkout of the project, not an installed copy"
        )
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # reaches kernels and test workers
    if given.command == "book":
        return book(root, given.execute, given.workers)
    if given.command == "test":
        return test(given.parts, root)
    if given.command == "run":
        return run(given.notebooks, given.workers)
    if given.command == "calibrate":
        return calibrate(given.notebooks, given.workers, root)
    if given.command == "exercises":
        return exercises(rest, root)
    return bench(root)


if __name__ == "__main__":
    sys.exit(main())
