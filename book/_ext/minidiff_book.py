"""Sphinx extension of the book: pages made from data when the site is built.

Directives: claims-ledger, taxonomy, survey-table, coverage, run-times, measurements, glossary-table,
api-modules, stored-figure. They read book/systems.yml, book/survey_tables.yml, book/glossary.csv, book/calibration.json,
book/benchmarks.json, book/training_speed.json and the outputs stored in the notebooks, so that a page never
says more than what was run. Role: measured, a number of book/benchmarks.json in a sentence.

Transforms: the alternative text that a notebook output carries reaches the picture; a chapter number that a
title carries is dropped where the site numbers the chapter itself.
"""

import base64
import csv
import hashlib
import html
import importlib
import json
import pkgutil
import posixpath
import re
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

CLAIM = "application/vnd.minidiff.claim+json"
SYMBOL = {"<=": "≤", ">=": "≥", "==": "=", "<": "<", ">": ">"}


# ------------------------------------------------------------------------------------------ reading the data
class Book:
    """The data of a book folder; every file that is read is noted as something that the page depends on."""

    def __init__(self, env):
        self.env, self.folder = env, Path(env.srcdir) / "book"

    def text(self, name):
        path = self.folder / name
        self.env.note_dependency(str(path))
        return path.read_text(encoding="utf-8")

    def systems(self):
        return yaml.safe_load(self.text("systems.yml"))

    def survey(self):
        return yaml.safe_load(self.text("survey_tables.yml"))

    def glossary(self):
        return list(csv.DictReader(self.text("glossary.csv").splitlines()))

    def calibration(self):
        return (
            json.loads(self.text("calibration.json")) if (self.folder / "calibration.json").exists() else {}
        )

    def measured(self, name):
        """A file of measurements, or None: a list of rows, or {made, tables: {key: {title, rows}}}."""
        return json.loads(self.text(name)) if (self.folder / name).exists() else None

    def notebooks(self):
        """(name, notebook) for each notebook in book/, in order of their names."""
        names = sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*.ipynb")
            if ".ipynb_checkpoints" not in path.parts
        )
        return [(name, json.loads(self.text(name))) for name in names]

    def claims(self):
        """System id -> list of (notebook name, claim facts)."""
        found = {}
        for name, notebook in self.notebooks():
            for cell in notebook["cells"]:
                for output in cell.get("outputs", []):
                    if CLAIM in output.get("data", {}):
                        fact = output["data"][CLAIM]
                        found.setdefault(fact["system"], []).append((name, fact))
        return found

    def title(self, name, notebook):
        """The first heading of a notebook."""
        text = "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
        heading = re.search(r"^# +(.+)$", text, re.M)
        return heading[1].strip() if heading else name


def number(value):
    """A measured value in three digits, as a reader writes it."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return (
        "∞" if abs(value) > 1e300 else f"{value:.3g}"
    )  # JSON holds no infinity, a claim stores the largest float


def plain(text):
    """Text that MyST prints as it is."""
    return re.sub(r"([\\`*_{}\[\]<>$|#])", r"\\\1", " ".join(str(text).split()))


def section_key(section):
    """Sort "3.1.2" after "3.1.1" and "10" after "9"."""
    return [int(part) for part in section.split(".")]


# ------------------------------------------------------------------------------------------------ directives
class Page(SphinxDirective):
    """Base: a directive that writes MyST text and has it parsed."""

    has_content = False

    @property
    def book(self):
        return Book(self.env)

    def parsed(self, lines):
        holder = nodes.container()
        self.state.nested_parse(StringList(lines, source=self.env.docname), self.content_offset, holder)
        return holder.children

    def table(self, head, rows, widths, kind):
        """A MyST list-table; cells are MyST text on one line."""
        lines = [
            "```{list-table}",
            ":header-rows: 1",
            f":widths: {' '.join(map(str, widths))}",
            f":class: {kind}",
            "",
        ]
        for row in [head, *rows]:
            lines += [f"{'* -' if not place else '  -'} {cell}" for place, cell in enumerate(row)]
        return self.parsed([*lines, "```"])

    def uri(self, page, anchor=""):
        """Address of a page in book/ (given with its suffix) from this one; '' when the site lacks it."""
        docname = "book/" + re.sub(r"\.(ipynb|md)$", "", page)
        if docname not in self.env.found_docs:
            return ""
        path = posixpath.relpath(docname, posixpath.dirname(self.env.docname) or ".")
        return f"{path}.html" + (f"#{anchor}" if anchor else "")

    def link(self, text, page, anchor=""):
        """MyST text: a link to a page in book/, or the bare text when the site does not have that page."""
        uri = self.uri(page, anchor)
        return f"{{page-link}}`{text} <{uri}>`" if uri else plain(text)

    def system_link(self, row):
        return (
            self.link(row["name"], row["notebook"], row["heading"])
            if row["status"] == "runs"
            else plain(row["name"])
        )


def page_link(name, rawtext, text, lineno, inliner, options=None, content=None):
    """Role {page-link}: `words <relative address>`, an address that a directive of this file computed."""
    words, uri = re.fullmatch(r"(.*) <([^<>]*)>", text, re.S).groups()
    words = re.sub(r"\\(.)", r"\1", words.replace("\x00", ""))
    return [nodes.reference(rawtext, words, refuri=uri, internal=True)], []


class ClaimsLedger(Page):
    """Every claim that the stored outputs hold, by system, with its bound, spread and mutant."""

    def run(self):
        claims, calibration = self.book.claims(), self.book.calibration()
        known = {row["id"]: row for row in reversed(self.book.systems())}
        place = {row["id"]: n for n, row in enumerate(self.book.systems())}
        order = sorted(claims, key=lambda i: (place.get(i, len(place)), i))
        facts = [fact for _, fact in sum(claims.values(), [])]
        if not facts:
            return self.parsed(["No claim has been run yet."])
        caught = sum(not (fact.get("mutant") or {}).get("holds", True) for fact in facts)
        out = self.parsed(
            [
                f"**{len(facts)} claims** about **{len(claims)} systems**; "
                f"{sum(bool(f['holds']) for f in facts)} hold, "
                f"and {caught} of their mutants are caught."
            ]
        )
        for name, notebook in self.book.notebooks():
            rows = [row for i in order for row in self.rows(i, name, claims[i], known, calibration)]
            if rows:
                out += self.parsed([f"```{{rubric}} {plain(self.book.title(name, notebook))}", "```"])
                out += self.table(
                    ["System", "Claim", "Measured", "Spread", "The mistake that must fail"],
                    rows,
                    (16, 34, 18, 10, 22),
                    "ledger",
                )
        return out

    def rows(self, system, name, claims, known, calibration):
        found, first = [], True
        for notebook, fact in claims:
            if notebook != name:
                continue
            row = known.get(system, {})
            anchor = row.get("heading", "") if row.get("notebook") == name else ""  # a claim on another page
            shown = self.link(row.get("name", system), name, anchor) if first else ""
            spread = (calibration.get(f"{system}|{fact['statement']}") or {}).get(
                "spread", fact.get("spread")
            )
            mutant = fact.get("mutant") or {}
            verdict = "" if not mutant else " ✓ fails" if not mutant["holds"] else " ✗ passes"
            found.append(
                [
                    shown,
                    plain(fact["statement"]),
                    f"{number(fact['measured'])} {SYMBOL.get(fact['relation'], fact['relation'])} "
                    f"{number(fact['bound'])} "
                    f"{'✓' if fact['holds'] else '✗'}",
                    f"{number(spread)}",
                    plain(mutant.get("mistake", "–"))
                    + (f": {number(mutant['measured'])}{verdict}" if mutant else ""),
                ]
            )
            first = False
        return found


class SurveyTable(Page):
    """One of the survey's tables, with the state of each system in this book."""

    required_arguments = 1

    def run(self):
        survey = self.book.survey()
        table = next((t for t in survey["tables"] if t["number"] == int(self.arguments[0])), None)
        if table is None:
            raise self.error(f"survey-table: there is no table {self.arguments[0]}")
        known = {row["id"]: row for row in reversed(self.book.systems())}
        timed = any("settings" in row for row in table["rows"])
        rows, before = [], []
        for row in table["rows"]:
            for place, system in enumerate(row["systems"]):
                group = [
                    "" if row["group"][: n + 1] == before[: n + 1] else plain(g)
                    for n, g in enumerate(row["group"])
                ]
                before = row["group"]
                setting = [row["settings"][place]] if timed else []
                rows.append([*group, *self.cells(system, known, setting)])
        head = [*table["columns"], "System", "Paper", "Year", *(["Time"] if timed else []), "In minidiff"]
        widths = [*[16] * len(table["columns"]), 24, 22, 7, *([7] if timed else []), 24]
        return self.table(head, rows, widths, "survey-table")

    def cells(self, system, known, setting):
        if isinstance(system, dict):
            return [
                plain(system["name"]),
                f"{{cite:t}}`{system['cite']}`",
                system["year"],
                *setting,
                "named in the table only",
            ]
        row = known[system]
        code = (
            ", ".join(f"{{py:obj}}`~{s}`" for s in row["symbols"]) if row["status"] == "runs" else "*not yet*"
        )
        return [self.system_link(row), f"{{cite:t}}`{row['cite']}`", row["year"], *setting, code]


class Coverage(Page):
    """How many of the survey's systems run, by section, the missing ones by name."""

    def run(self):
        rows, titles = self.book.systems(), self.book.survey()["sections"]
        runs = [row for row in rows if row["status"] == "runs"]
        share = 100 * len(runs) / len(rows)
        bar = (
            f'<div class="coverage-bar" role="img" aria-label="{len(runs)} of {len(rows)} systems run">'
            f'<span style="width:{share:.1f}%"></span></div>'
        )
        out = self.parsed([f"**{len(runs)} of {len(rows)} systems run** ({share:.0f} %)."]) + [
            nodes.raw("", bar, format="html")
        ]
        table = []
        for section in sorted({row["section"] for row in rows}, key=section_key):
            here = [row for row in rows if row["section"] == section]
            missing = [plain(row["name"]) for row in here if row["status"] != "runs"]
            there = [self.system_link(row) for row in here if row["status"] == "runs"]
            table.append(
                [
                    f"{section} {plain(titles[section])}",
                    f"{len(there)} of {len(here)}",
                    "; ".join(there) or "–",
                    "; ".join(missing) or "–",
                ]
            )
        return out + self.table(["Section", "Run", "Running", "Not yet"], table, (20, 8, 36, 36), "coverage")


class Taxonomy(Page):
    """The survey's Figure 1 as nested lists that a style sheet lays out: fits a phone, dark or light."""

    PARTS = (
        ("Foundations", ["2"]),
        ("Three lines of improvement", ["3", "4", "5"]),
        ("Links to other generative models", ["6"]),
        ("Applications", ["7"]),
        ("Future directions", ["8"]),
    )

    def run(self):
        self.rows, self.titles = self.book.systems(), self.book.survey()["sections"]
        parts = []
        for title, tops in self.PARTS:
            groups = "".join(
                self.group(section) for top in tops for section in self.groups(top, len(tops) > 1)
            )
            parts.append(
                f'<section class="map-part"><p class="map-title">{title}</p>'
                f'<div class="map-groups">{groups}</div></section>'
            )
        key = (
            '<p class="map-key"><span class="map-system runs">runs here</span> '
            '<span class="map-system">not yet</span></p>'
        )
        return [nodes.raw("", f'<div class="survey-map">{key}{"".join(parts)}</div>', format="html")]

    def groups(self, top, whole):
        """The boxes of a part: its sections two levels deep, or whole chapters side by side."""
        if whole or not any(s.startswith(top + ".") for s in self.titles):
            return [top]
        return [s for s in self.titles if s.startswith(top + ".") and s.count(".") == 1]

    def group(self, section):
        inner = [s for s in self.titles if s.startswith(section + ".")]
        leaves = [s for s in inner if any(row["section"] == s for row in self.rows)] or [section]
        blocks = []
        for leaf in leaves:
            head = (
                "" if leaf == section else f'<p class="map-leaf">{leaf} {html.escape(self.titles[leaf])}</p>'
            )
            items = "".join(self.item(row) for row in self.rows if row["section"] == leaf)
            blocks.append(f"{head}<ul>{items}</ul>")
        title = f'<p class="map-head">{section} {html.escape(self.titles[section])}</p>'
        return f'<div class="map-group">{title}{"".join(blocks)}</div>'

    def item(self, row):
        name = html.escape(re.sub(r" \(.*\)$", "", row["name"]))
        uri = self.uri(row["notebook"], row["heading"]) if row["status"] == "runs" else ""
        if uri:
            return f'<li class="map-system runs"><a href="{html.escape(uri)}">{name}</a></li>'
        return f'<li class="map-system{" runs" if row["status"] == "runs" else ""}">{name}</li>'


class RunTimes(Page):
    """Seconds per notebook, from what `minidiff.dev` noted when the outputs were stored."""

    def run(self):
        rows, total = [], 0.0
        for name, notebook in self.book.notebooks():
            how = notebook["metadata"].get("minidiff")
            if how:
                total += how["seconds"]
                rows.append(
                    [
                        self.link(re.sub(r"[*`$]", "", self.book.title(name, notebook)), name),
                        f"{how['seconds']:.0f}",
                        how["threads"],
                        f"Python {how['python']}, torch {how['torch']}",
                    ]
                )
        if not rows:
            return self.parsed(["No run has been stored yet."])
        rows.append(["**all**", f"**{total:.0f}**", "", ""])
        return self.table(["Notebook", "Seconds", "Threads", "With"], rows, (46, 12, 12, 30), "run-times")


class TrainingRecords(Page):
    """A row for each training run whose record ships, from minidiff/weights/*.json."""

    def run(self):
        from minidiff import weights

        shipped, rows = weights.names(), []
        for path in sorted(weights.HERE.glob("*.json")):
            self.env.note_dependency(str(path))
            record = json.loads(path.read_text(encoding="utf-8"))
            metrics = record["metrics"]
            rows.append([
                f"`{path.stem}`" + ("" if path.stem in shipped else " (record only)"),
                f"`{record['command'].removeprefix('python -m ')}`",
                f"{record['device']}, {record['minutes']:.0f} min",
                f"{record['parameters']:,}",
                *(number(metrics[key]) for key in ("frechet", "frechet_floor", "frechet_gaussian")),
                f"{metrics['recognised']:.0%}",
            ])
        head = ["Name", "Command", "Trained on", "Weights", "Fréchet distance", "of held-out pictures",
                "of a Gaussian", "Recognised as asked"]
        return self.table(head, rows, (12, 20, 16, 10, 10, 12, 10, 10), "training-records")


class Measurements(Page):
    """Tables from a file of measurements in book/: `{measurements} FILE [TABLE ...]`, else all of them.

    "made" in place of a table says when and with what they were measured. The file holds {made, tables:
    {key: {title, rows}}} (make bench), or what `python -m minidiff.train CONFIG --speed` wrote, once or as a
    list. A row is {column: value}; a column stands where it is first seen. The least value among the
    libraries of a row is set in bold.
    """

    required_arguments, optional_arguments, final_argument_whitespace = 1, 1, True
    LIBRARIES = ("minidiff", "diffusers", "azula")

    def run(self):
        name, *keys = " ".join(self.arguments).split()
        data = self.book.measured(name)
        if data is None:
            return self.parsed(["Not measured yet."])
        if "tables" not in data:
            runs = data if isinstance(data, list) else [data]
            return sum((self.titled(*speed_table(facts)) for facts in runs), [])
        tables = {"made": None, **data["tables"]}
        unknown = [key for key in keys if key not in tables]
        if unknown:
            raise self.error(f"measurements: {name} has no table {', '.join(unknown)}")
        return sum((self.one(data["made"], tables[key]) for key in keys or tables), [])

    def one(self, made, table):
        return self.titled(table["title"], table["rows"]) if table else self.parsed([self.made(made)])

    def titled(self, title, rows):
        columns = list(dict.fromkeys(name for row in rows for name in row))
        cells = [[self.cell(row, name) for name in columns] for row in rows]
        widths = [max(6, *(len(cell) for cell in column)) for column in zip(*cells)]
        head = self.parsed([f"```{{rubric}} {plain(title)}", "```"])
        return head + self.table([plain(name) for name in columns], cells, widths, "measurements")

    def cell(self, row, name):
        ours = [row[library] for library in self.LIBRARIES if row.get(library) is not None]
        text = plain(number(row.get(name)))
        best = name in self.LIBRARIES and len(ours) > 1 and row.get(name) == min(ours)
        return f"**{text}**" if best else text

    def made(self, made):
        names = [name for name in made if made[name] is not None and name not in ("date", "cpu", "minutes")]
        versions = ", ".join(f"{name} {made[name]}" for name in names)
        absent = [name for name in made if made[name] is None]
        without = f" Not installed, so left out: {', '.join(absent)}." if absent else ""
        return plain(f"Measured on {made['date']} on one thread of {made['cpu']}, with {versions}.{without}")


def speed_table(facts):
    """(title, rows) of a training-speed measurement, in units that a reader reads."""
    rows = []
    for row in facts["rows"]:
        rate, share, memory = (row.get(name) for name in ("images_per_second", "utilisation", "memory"))
        rows.append(
            {
                "how": row["way"],
                "images per second": row.get("skipped") if rate is None else f"{rate:,.0f}",
                "share of the peak": None if share is None else f"{100 * share:.1f} %",
                "memory in MiB": None if memory is None else f"{memory / 2**20:,.0f}",
            }
        )
    title = f"{facts['config']['data']}, batch of {facts['batch']}, on {facts['device']}"
    return title, rows


def measured(name, rawtext, text, lineno, inliner, options=None, content=None):
    """Role {measured}: `table | row | column` of book/benchmarks.json; a row is known by its first cells."""
    key, *cells, column = (part.strip() for part in text.split("|"))
    data = Book(inliner.document.settings.env).measured("benchmarks.json") or {"tables": {}}
    for row in data["tables"].get(key, {"rows": []})["rows"]:
        if list(map(str, row.values()))[: len(cells)] == cells and column in row:
            return [nodes.Text(number(row[column]))], []
    problem = inliner.reporter.error(f"measured: nothing in benchmarks.json for {text}", line=lineno)
    return [inliner.problematic(rawtext, rawtext, problem)], [problem]


class StoredFigure(Page):
    """The picture that a cell of a notebook stored, with a caption: `{stored-figure} NOTEBOOK CELL-ID`."""

    required_arguments, has_content = 2, True

    def run(self):
        name, wanted = self.arguments
        for cell in json.loads(self.book.text(name))["cells"]:
            for output in cell.get("outputs", []) if cell.get("id") == wanted else []:
                if "image/png" in output.get("data", {}):
                    data = "".join("".join(output["data"]["image/png"]).split())
                    alt = output["metadata"]["image/png"]["alt"]
                    image = nodes.image(uri=f"data:image/png;base64,{data}", alt=alt, width="100%")
                    caption = nodes.caption("", "", *self.parsed(list(self.content))[0].children)
                    return [nodes.figure("", image, caption)]
        raise self.error(f"stored-figure: {name} stores no picture in a cell {wanted}")


class GlossaryTable(Page):
    """The glossary, English and Korean."""

    def run(self):
        rows = [
            [
                f"**{plain(row['english'])}**",
                plain(row["korean"]),
                f"`{row['symbol']}`" if row["symbol"] else "",
                plain(row["definition"]),
                row["section"],
            ]
            for row in sorted(self.book.glossary(), key=lambda row: row["english"].lower())
        ]
        return self.table(
            ["Term", "Korean", "Symbol", "Meaning", "Section"], rows, (22, 18, 16, 36, 8), "glossary"
        )


class ApiModules(Page):
    """One section for each module of minidiff, made by autodoc from the docstrings."""

    FIRST = [
        "process",
        "denoiser",
        "ddpm",
        "ncsn",
        "score_sde",
        "exact",
        "grids",
        "losses",
        "samplers",
        "likelihood",
        "guidance",
    ]

    def run(self):
        import minidiff

        names = list(self.modules(minidiff))
        place = {name: n for n, name in enumerate(self.FIRST)}
        names.sort(key=lambda name: (place.get(name.split(".")[1], len(place)), name))
        return [self.section(name) for name in names]

    def modules(self, package):
        """Names of the modules; a package that says what it offers (__all__) stands for its modules."""
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if found.name.split(".")[-1].startswith("_"):
                continue
            inner = importlib.import_module(found.name) if found.ispkg else None
            if inner is None or hasattr(inner, "__all__"):
                yield found.name
            else:
                yield from self.modules(inner)

    def section(self, name):
        section = nodes.section(ids=[nodes.make_id("api-" + name)], names=[name])
        section += nodes.title("", "", nodes.literal("", name))
        lines = ["```{eval-rst}", f".. automodule:: {name}", "   :members:", "```"]
        self.state.nested_parse(StringList(lines, source=self.env.docname), self.content_offset, section)
        return section


# ------------------------------------------------------------------------------------------------ transforms
def pictures(notebook):
    """SHA-256 of each picture in a notebook's outputs -> its alternative text."""
    found = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            for kind in ("image/png", "image/jpeg"):
                alt = output.get("metadata", {}).get(kind, {}).get("alt")
                if alt and kind in output.get("data", {}):
                    data = base64.b64decode("".join(output["data"][kind]))
                    found[hashlib.sha256(data).hexdigest()] = alt
    return found


class AltText(SphinxTransform):
    """Give each picture of a notebook the alternative text of its output (MyST-NB reads the cell's only)."""

    default_priority = 200

    def apply(self, **_):
        path = Path(self.env.doc2path(self.env.docname))
        if path.suffix != ".ipynb":
            return
        alts = pictures(json.loads(path.read_text(encoding="utf-8")))
        for image in self.document.findall(nodes.image):
            alt = alts.get(
                Path(image.get("uri", "")).stem
            )  # MyST-NB names a picture by the hash of its bytes
            if alt and not image.get("alt"):
                image["alt"] = alt


class TitleNumber(SphinxTransform):
    """Drop a leading "2.1" from a page's title: the site numbers its pages itself."""

    default_priority = 200

    def apply(self, **_):
        title = next(iter(self.document.findall(nodes.title)), None)
        if title is None or not title.children or not isinstance(title[0], nodes.Text):
            return
        text = re.sub(r"^\d+(\.\d+)*\.?\s+", "", title[0])
        if text:
            title[0] = nodes.Text(text)


def safe_rst(text):
    """One paragraph in reStructuredText: words between backticks as code, all else as it is written."""
    text = re.sub(r":[\w:]+:`~?([^`]+)`", r"`\1`", text)
    out = ""
    for place, piece in enumerate(re.split(r"`+([^`]+)`+", text)):  # odd pieces stood between backticks
        if place % 2:
            out += ("\\ " if out[-1:].isalnum() else "") + f"``{piece.strip()}``"
        else:
            out += ("\\ " if place and piece[:1].isalnum() else "") + re.sub(r"([\\*|_`])", r"\\\1", piece)
    return out


def plain_docstring(app, what, name, obj, options, lines):
    """Turn a plain-text docstring into reStructuredText that says the same and cannot be malformed."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    out = []
    for paragraph in paragraphs:
        rows = paragraph.split("\n")
        if any(row.startswith((" ", ">>>")) for row in rows):
            out += ["::", "", *("   " + row for row in rows), ""]
        else:
            out += [safe_rst(" ".join(rows)), ""]
    lines[:] = out


def drop_thebe(app, pagename, templatename, context, doctree):
    """Leave out the scripts of thebe, which would run cells on a server: Jupyter Book adds them twice."""
    scripts = context.get("script_files", [])
    scripts[:] = [
        script
        for script in scripts
        if "thebe" not in str(getattr(script, "filename", script) or "").lower()
        and "THEBE" not in str(getattr(script, "attributes", {}).get("body", ""))
    ]


def setup(app):
    """Register everything above."""
    for name, directive in {
        "claims-ledger": ClaimsLedger,
        "survey-table": SurveyTable,
        "coverage": Coverage,
        "taxonomy": Taxonomy,
        "run-times": RunTimes,
        "measurements": Measurements,
        "training-records": TrainingRecords,
        "stored-figure": StoredFigure,
        "glossary-table": GlossaryTable,
        "api-modules": ApiModules,
    }.items():
        app.add_directive(name, directive)
    app.add_role("page-link", page_link)
    app.add_role("measured", measured)
    app.add_transform(AltText)
    app.add_transform(TitleNumber)
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.add_js_file("minidiff.js", loading_method="defer", priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
