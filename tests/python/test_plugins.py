"""A third method is one file of another package: it goes through all that takes a method."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import homespot as hs
from homespot import methods
from homespot.errors import DataWarning
from homespot.methods import registry

CORE = Path(hs.__file__).parents[1]

THROUGH_ALL = """
import json, sys
from pathlib import Path
import homespot as hs

folder = Path(sys.argv[1])
before = "homespot_nearest" in sys.modules
names = hs.methods.names()
sc, st = hs.make_demo()
sc, st = sc[:60].copy(), st[:50].copy()
sc.write_h5ad(folder / "sc.h5ad")
st.write_h5ad(folder / "st.h5ad")
mapping = hs.map_cells(sc, st, method="nearest", sharpness=2, progress=False)
hs.save(mapping, folder / "map.h5ad")
scores = hs.cross_validate(sc, st, ["nearest", "correlation"], folds=2, n_jobs=2, progress=False)
tuned = hs.tune(sc, st, "nearest", folds=2, outer_folds=2, progress=False)
hs.report(mapping, folder / "report.html", sc=sc, st=st, labels="cell_type", scores=scores)
figure = hs.plot.losses(mapping)
record = mapping.uns["homespot"]
print(json.dumps({
    "before": before,
    "names": names,
    "parameters": record["parameters"],
    "version": record["versions"]["homespot-nearest"],
    "sums": float(abs(mapping.X.sum(axis=1) - 1).max()),
    "dtype": mapping.X.dtype.name,
    "scored": sorted(set(scores["method"])),
    "tried": sorted(set(tuned.tried["sharpness"])),
    "read_outs": sorted(set(tuned.tried["read_out"])),
    "drawn": [ax.get_title() for ax in figure.axes if ax.get_visible()],
}))
"""


@pytest.fixture(scope="module")
def environment(plugin: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(CORE), str(plugin)]), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nearest")


def run(environment: dict[str, str], *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def found(environment: dict[str, str], folder: Path) -> dict[str, object]:
    pytest.importorskip("plotly")
    pytest.importorskip("matplotlib")
    script = folder / "through_all.py"
    script.write_text(f"if __name__ == '__main__':\n{indented(THROUGH_ALL)}", encoding="utf-8")
    answer: dict[str, object] = json.loads(run(environment, script, folder).splitlines()[-1])
    return answer


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_every_verb_that_takes_a_method_takes_it(found: dict[str, object]) -> None:
    assert found["before"] is False  # it is imported at the first question for names
    assert found["names"] == sorted({*methods.names(), "nearest"})
    assert found["parameters"] == {"n_genes": 500, "sharpness": 2.0}
    assert found["version"] == "0.3.1"
    assert found["sums"] < 1e-5
    assert found["dtype"] == "float32"
    assert found["scored"] == ["correlation", "nearest"]
    assert found["tried"] == [1.0, 4.0]
    assert found["read_outs"] == ["mean", "scaled", "sum"]
    assert found["drawn"] == ["smallest distance"]


def test_the_report_says_how_it_ended(found: dict[str, object], folder: Path) -> None:
    assert found
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Compared 60 cells with 50 spots." in page


def test_the_map_is_read_where_the_method_is_not_installed(found: dict[str, object], folder: Path) -> None:
    assert found
    assert "nearest" not in methods.names()
    mapping = hs.load(folder / "map.h5ad")
    path = hs.report(mapping, folder / "without.html")
    assert "Compared 60 cells with 50 spots." in Path(path).read_text(encoding="utf-8")


COMMANDS = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from homespot import cli

answers = []
for command in json.loads(sys.argv[1]):
    sys.argv = ["homespot", *command]
    out, err = StringIO(), StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as left:
            code = left.code or 0
    answers.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(answers))
"""


def test_the_command_line_takes_it(
    environment: dict[str, str], found: dict[str, object], folder: Path
) -> None:
    assert found
    files = [str(folder / "sc.h5ad"), str(folder / "st.h5ad"), "--method", "nearest"]
    mapped = ["map", *files, "--set", "sharpness=2", "-o", str(folder / "cli.h5ad")]
    commands = [  # in one process, whose start takes longer than all of them
        ["methods"],
        mapped,
        [*mapped, "--json"],
        ["evaluate", *files, "--folds", "2", "-o", str(folder / "scores.csv")],
        ["map", *files, "--set", "sharpness=0"],
    ]
    answers = json.loads(run(environment, "-c", COMMANDS, json.dumps(commands)).splitlines()[-1])
    assert [code for code, _, _ in answers] == [0, 0, 0, 0, 1]
    listed, said, answer, _, _ = (out for _, out, _ in answers)
    assert "nearest: row softmax of the squared distance of expression\n  n_genes = 500\n" in listed
    assert "      Weight of the distance. A number above 0.\n" in listed
    assert said.splitlines()[2] == "Compared 60 cells with 50 spots."
    assert hs.load(folder / "cli.h5ad").X.tobytes() == hs.load(folder / "map.h5ad").X.tobytes()
    assert (json.loads(answer)["method"], json.loads(answer)["well"]) == ("nearest", True)
    assert "nearest" in (folder / "scores.csv").read_text(encoding="utf-8")
    assert "sharpness to be a finite number above 0, found 0" in answers[-1][2]


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Offer modules of these texts as entry points, by name; the registry as it was comes back."""
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
    monkeypatch.syspath_prepend(tmp_path)

    def offer(**texts: str) -> None:
        waiting = []
        for name, text in texts.items():
            module = f"homespot_trial_{name}"
            (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
            monkeypatch.delitem(sys.modules, module, raising=False)
            waiting.append(metadata.EntryPoint(name, module, registry.GROUP))
        monkeypatch.setattr(registry, "_points", lambda: waiting)

    return offer


GOOD = """
from homespot.methods import register

@register({name!r}, "a trial")
def method(sc, st, run):
    ...
"""


def test_a_broken_package_is_named_and_the_others_are_there(points) -> None:
    points(
        broken="raise RuntimeError('no licence')",
        gone="import homespot_no_such_module",
        silent="",
        ssa=GOOD.format(name="ssa"),
        works=GOOD.format(name="works"),
    )
    ssa = registry._METHODS["ssa"]
    with pytest.warns(DataWarning) as caught:
        names = methods.names()
    assert names == ["come", "correlation", "ssa", "works"]
    assert methods.get("ssa") is ssa
    said = [str(warning.message) for warning in caught]
    assert said[:3] == [
        "Left out method 'broken': RuntimeError: no licence. Repair or remove that package.",
        "Left out method 'gone': ModuleNotFoundError: No module named 'homespot_no_such_module'. "
        "Repair or remove that package.",
        "Left out method 'silent': no method 'silent' after the import of homespot_trial_silent. "
        "Repair or remove that package.",
    ]
    assert said[3].startswith("Left out method 'ssa': InputError: Expected a new name for a method")
    assert len(said) == 4
    assert methods.names() == names  # said once


def test_a_package_that_asks_for_names_meanwhile_is_no_circle(points) -> None:
    points(asks=GOOD.format(name="asks") + "\nfrom homespot import methods\nmethods.names()\n")
    assert "asks" in methods.names()
