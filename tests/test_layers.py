"""The shape of the library: what may import what, what an import costs, how long a function may be."""
import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "minidiff").rglob("*.py"))
# From the bottom up; a module imports only from its own layer or from below (`dev` and `page` stand on top).
LAYERS = [
    ["checks"],
    ["process", "denoiser"],
    ["ddpm", "ncsn", "score_sde", "exact", "cld"],
    ["grids", "losses", "samplers", "likelihood", "discrete", "manifolds", "graphs", "latent", "vae", "gan", "flows",
     "autoregressive", "energy", "guidance", "variance", "analytic", "vdm"],
    ["nets", "data", "train", "weights", "metrics", "plotting", "widgets", "claims"],
    ["page", "dev"],
]
LAYER = {name: level for level, names in enumerate(LAYERS) for name in names}
LONGEST = 40


def module_of(path):
    """The top-level module inside minidiff that a file belongs to."""
    parts = path.relative_to(ROOT / "minidiff").with_suffix("").parts
    return parts[0]


def imports_of(source, depth):
    """Top-level minidiff modules that a source text imports; `depth` is the number of folders below minidiff."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.level == depth + 1 or node.level == 0 and (node.module or "").startswith("minidiff")):
            inside = (node.module or "").removeprefix("minidiff").strip(".")
            found |= {inside.split(".")[0]} if inside else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("minidiff.")}
    return found


def upward(name, imported):
    """Imports of module `name` that point up."""
    return sorted(other for other in imported if LAYER[other] > LAYER[name])


def long_functions(source):
    return [f"{node.name}: {node.end_lineno - node.lineno + 1} lines" for node in ast.walk(ast.parse(source))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno + 1 > LONGEST]


def bare_broadcasts(source):
    """[:, None, None] and longer, which fix the number of axes of the data; expand() is the one helper."""
    return re.findall(r"\[\s*:\s*,\s*None\s*,\s*None[^\]\n]*\]", source)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file(path):
    source, name = path.read_text(encoding="utf-8"), module_of(path)
    assert long_functions(source) == []
    assert bare_broadcasts(source) == []
    assert all(len(line) <= 130 for line in source.splitlines())
    if name not in ("__init__", "__main__"):
        assert name in LAYER, f"{name} has no layer: add it to LAYERS"
        depth = len(path.relative_to(ROOT / "minidiff").parts) - 1
        assert upward(name, imports_of(source, depth) - {"__version__"}) == []


def test_each_rule_can_fail():
    assert upward("process", imports_of("from .samplers import walk", 0)) == ["samplers"]
    assert upward("samplers", imports_of("from ..nets import MLP", 1)) == ["nets"]
    assert upward("exact", imports_of("import minidiff.plotting", 0)) == ["plotting"]
    assert upward("losses", imports_of("from .process import expand\nfrom . import exact", 0)) == []
    assert long_functions("def f():\n" + "    x = 1\n" * 40) and not long_functions("def f():\n" + "    x = 1\n" * 39)
    assert bare_broadcasts("t[:, None, None, None]") and bare_broadcasts("t[:, None, None]")
    assert not bare_broadcasts("t[:, None]")


CODE = """
import sys
import numpy, torch
before = set(sys.modules)
import minidiff
new = {name.split('.')[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names) - {'minidiff', 'torch', 'numpy'}))
print(sorted(name for name in sys.modules if name.startswith('minidiff.')))
"""


def test_import_needs_only_numpy_and_torch():
    shown = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()
    assert shown[0] == "[]", f"import minidiff also imports {shown[0]}"
    for heavy in ("plotting", "widgets", "train", "data", "metrics", "nets", "claims", "page", "dev"):
        assert f"'minidiff.{heavy}" not in shown[1]


def test_public_names():
    import minidiff
    for name in minidiff.__all__:
        assert getattr(minidiff, name) is not None
    assert {"GaussianProcess", "VP", "VE", "SubVP", "Cosine", "EDM", "DDPM", "NCSN", "Denoiser", "exact", "grids", "losses",
            "samplers", "likelihood"} <= set(minidiff.__all__)


def undocumented(source):
    """Public functions, methods and classes without a docstring."""
    found = []
    for node in ast.parse(source).body:
        for item in [node, *(node.body if isinstance(node, ast.ClassDef) else [])]:
            if isinstance(item, (ast.FunctionDef, ast.ClassDef)) and not item.name.startswith("_") and not ast.get_docstring(item):
                found.append(item.name)
    return found


@pytest.mark.parametrize("path", [p for p in FILES if LAYER.get(module_of(p), 9) <= 3], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_is_documented(path):
    # a network's forward is described by its class
    assert [name for name in undocumented(path.read_text(encoding="utf-8")) if name != "forward"] == []
