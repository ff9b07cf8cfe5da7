"""The registry of systems: every row is well formed and every link in it leads somewhere."""

import importlib
import json
import re
from pathlib import Path

import pytest
import yaml

BOOK = Path(__file__).resolve().parents[1] / "book"
ROWS = yaml.safe_load((BOOK / "systems.yml").read_text(encoding="utf-8"))
SURVEY = yaml.safe_load((BOOK / "survey_tables.yml").read_text(encoding="utf-8"))
RUNNING = [row for row in ROWS if row["status"] == "runs"]
ALWAYS = {"id", "name", "section", "cite", "year", "status"}
WHEN_RUNNING = ALWAYS | {"notebook", "heading", "symbols", "claim"}


def problems_of(row):
    """What is wrong with one row, in words; an empty list when nothing is."""
    wanted = WHEN_RUNNING if row.get("status") == "runs" else ALWAYS
    found = []
    if set(row) != wanted:
        return [f"fields {sorted(set(row) ^ wanted)} are missing or too many"]
    if row["status"] not in ("runs", "not yet"):
        found.append(f"status {row['status']!r}")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["id"]):
        found.append("id is not lower-case words joined by hyphens")
    if row["section"] not in SURVEY["sections"]:
        found.append(f"section {row['section']!r} is not one of the survey's")
    if not isinstance(row["year"], int) or not 1900 < row["year"] < 2027:
        found.append(f"year {row['year']!r}")
    return found


def slug(title):
    """The anchor that the site gives a heading."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"[`*$\\]", "", title).lower()).strip("-")


def anchors(notebook):
    """Labels `(name)=` and slugs of the headings in a notebook's Markdown cells."""
    text = "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
    return set(re.findall(r"^\(([\w-]+)\)=", text, re.M)) | {
        slug(t) for t in re.findall(r"^#+ +(.+)$", text, re.M)
    }


def resolve(symbol):
    """The object that a dotted name stands for; AttributeError or ImportError when there is none."""
    parts = symbol.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name)
        return found
    raise ImportError(symbol)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['id']}@{row['section']}")
def test_row_is_well_formed(row):
    assert problems_of(row) == []


def test_a_bad_row_is_noticed():
    good = RUNNING[0]
    assert problems_of({**good, "status": "perhaps"})
    assert problems_of({**good, "section": "2.9"})
    assert problems_of({key: value for key, value in good.items() if key != "claim"})


def test_id_and_section_are_unique():
    pairs = [(row["id"], row["section"]) for row in ROWS]
    assert len(pairs) == len(set(pairs))


def test_the_registry_covers_all_chapters():
    assert len(ROWS) == 143
    assert {row["section"][0] for row in ROWS} == set("2345678")


def test_citations_are_in_the_bibliography():
    keys = re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.M)
    assert len(keys) == len(set(keys))
    named = [row["cite"] for row in ROWS]
    named += [
        s["cite"] for t in SURVEY["tables"] for r in t["rows"] for s in r["systems"] if isinstance(s, dict)
    ]
    assert set(named) <= set(keys)


def test_tables_name_known_systems():
    known = {row["id"] for row in ROWS}
    for table in SURVEY["tables"]:
        for row in table["rows"]:
            assert len(row["group"]) == len(table["columns"])
            assert len(row.get("settings", row["systems"])) == len(row["systems"])
            assert {s for s in row["systems"] if isinstance(s, str)} <= known


@pytest.mark.parametrize("row", RUNNING, ids=lambda row: row["id"])
def test_a_running_system_is_where_its_row_says(row):
    notebook = json.loads((BOOK / row["notebook"]).read_text(encoding="utf-8"))
    assert row["heading"] in anchors(notebook), f"no heading or label '{row['heading']}' in {row['notebook']}"
    for symbol in row["symbols"]:
        assert resolve(symbol) is not None


@pytest.mark.parametrize("row", RUNNING, ids=lambda row: row["id"])
def test_a_running_system_has_a_claim(row):
    from minidiff.dev import claims_of

    notebook = json.loads((BOOK / row["notebook"]).read_text(encoding="utf-8"))
    assert row["id"] in {claim["system"] for claim in claims_of(notebook)}


def test_resolve_refuses_a_wrong_name():
    with pytest.raises((AttributeError, ImportError)):
        resolve("minidiff.process.NoSuchProcess")
