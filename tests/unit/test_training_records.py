"""The page's table of training runs says what the records say."""
import importlib.util
import json
from pathlib import Path

import pytest

from minidiff import weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """A function that puts records into a folder and gives the directive's rows."""
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("minidiff_book", ROOT / "book" / "_ext" / "minidiff_book.py")
    extension = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extension)

    class Directive(extension.TrainingRecords):
        def __init__(self):
            self.seen = []

        env = property(lambda self: type("Env", (), {"note_dependency": self.seen.append}))

        def table(self, head, rows, widths, name):
            assert len(head) == len(widths) == len(rows[0])
            return rows

    def make(**records):
        for name, record in records.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(record))
        monkeypatch.setattr(weights, "HERE", tmp_path)
        directive = Directive()
        found = directive.run()
        assert len(directive.seen) == len(records)                     # the page is built again when one changes
        return found

    return make


def test_a_row_for_each_record(rows, tmp_path):
    record = weights.record("digits8")
    (tmp_path / "a.safetensors").touch()
    first, second = rows(a=record, b=record | {"device": "A Card", "minutes": 1.6})
    assert first[0] == "`a`" and second[0] == "`b` (record only)"
    assert first[1] == "`minidiff.train digits8`" and second[2] == "A Card, 2 min"
    assert first[3] == f"{record['parameters']:,}" and first[4] == f"{record['metrics']['frechet']:.3g}"
