"""Both languages at once: one problem, what Python makes of it, and the processes in which R does the same.

R needs `Rscript` and the packages of DESCRIPTION. The R package is taken from R's library (``R_LIBS``) if it
is there and no older than these sources; otherwise it is installed into a folder of this test run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

import homespot
from homespot.matrix.streamed import in_memory
from homespot.objects.annotated import x_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORE = Path(homespot.__file__).parent

ODD = ["beta'COP", "nan", "E(spl)m5-HLH", "TRUE", "1", "a.b", "NA", "µ 3"]
GENES = ODD + [f"gene{i:02d}" for i in range(52)]
POSITIONS = {
    "default": {},
    "median": {"position": "median"},
    "mean": {"position": "mean"},
    "argmax": {"position": "argmax"},
    "few": {"position": "k_best", "k": 3},
}
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "dense": {"dense": True},
    "correlation": {"method": "correlation"},
    "k_best": {"k_best": 7},
    "streamed": {"k_best": 7, "storage": "streamed"},
    "components": {"k_best": 7, "storage": "streamed", "n_components": 12},
    "pot": {"backend": "pot"},
    "plan": {"backend": "pot", "regularisation": 0},
    "exact": {"storage": "streamed", "n_components": None},
    "float64": {"dtype": "float64"},
    "settings": {
        "preset": "paper",
        "regularisation": 0.1,
        "n_genes": 45,
        "relax_spots": 0.25,
        "st_scale": "log",
        "seed": 11,
    },
    "weighted": {"gene_weights": "spatial"},
    "weights": {"gene_weights": {name: 1.0 + i % 3 for i, name in enumerate(GENES)}},
    "sections": {"sections": "lamina"},
    "sections_k_best": {
        "sections": "lamina",
        "k_best": 4,
        "method": "correlation",
        "gene_weights": "equal",
    },
}

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "found": ("sampled", {}),
    "apart": ("sampled", {"joint": False}),
    "column": ("sampled", {"sections": "sample_id"}),
    "column_joint": ("sampled", {"sections": "sample_id", "joint": True}),
    "shared_frame": ("sampled", {"shared_frame": True}),
    "listed": ("listed", {}),
    "listed_apart": ("listed", {"joint": False, "k_best": 5}),
    "off_tissue": ("off_tissue", {}),
    "gene_columns": ("named", {"sc_gene_column": "symbol", "st_gene_column": "gene_name"}),
    "plain_columns": ("plain_columns", {}),
    "picture": ("picture", {}),
    "features": ("features", {}),
}
"""Other data than the problem's, by the name of their folder, and the arguments of `map_cells` for them."""

LABELLED = {"method": "come", "epochs": 2, "pretrain_epochs": 3, "hidden": 8, "latent": 4}

# --- processes ---------------------------------------------------------------


def finished(command: list[Any], environment: dict[str, str]) -> str:
    """Run a command; its output, or its end where it fails."""
    answer = subprocess.run(
        [str(part) for part in command], env=environment, text=True, capture_output=True, timeout=600
    )
    if answer.returncode:
        pytest.fail(f"{command}: status {answer.returncode}\n{answer.stdout}\n{answer.stderr}", pytrace=False)
    return answer.stdout


def _newest(paths: list[Path]) -> float:
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return max(
        file.stat().st_mtime for file in files if file in paths or file.suffix in (".R", ".py", ".csv")
    )


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Environment variables with which R finds the package, and this Python."""
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not on the PATH: tools/setup-system.sh installs R and its packages")
    variables = dict(os.environ, RETICULATE_PYTHON=sys.executable, PYTHONPATH=str(CORE.parent))
    found = finished(
        ["Rscript", "--vanilla", "-e", 'cat(system.file("DESCRIPTION", package = "homespot"))'], variables
    )
    sources = [ROOT / name for name in ("R", "python", "DESCRIPTION", "NAMESPACE")]
    if not found or Path(found).stat().st_mtime < _newest(sources):
        library = tmp_path_factory.mktemp("R-library")
        finished(
            ["R", "CMD", "INSTALL", "--no-docs", "--no-test-load", f"--library={library}", ROOT], variables
        )
        variables["R_LIBS"] = os.pathsep.join([str(library), os.environ.get("R_LIBS", "")]).rstrip(os.pathsep)
    return variables


@pytest.fixture(scope="session")
def finish(environment):
    """Run a command to its end; its output."""
    return lambda command: finished(command, environment)


class Jobs:
    """Processes that the collected tests need: started two at a time, before the first test asks for one."""

    def __init__(self, needed: set[str], work: dict[str, Callable[[Path], Any]], folder: Path) -> None:
        self.pool = ThreadPoolExecutor(2)
        self.started = {}
        for name in work:
            if name in needed:
                (folder / name).mkdir()
                self.started[name] = self.pool.submit(work[name], folder / name)

    def __getitem__(self, name: str) -> Any:
        return self.started[name].result()


@pytest.fixture(scope="session")
def jobs(request, environment, folder, tmp_path_factory):
    """Every process of the suite; the fixtures below give their results."""
    needed = {name for item in request.session.items for name in item.fixturenames}
    jobs = Jobs(needed, _work(environment, folder), tmp_path_factory.mktemp("jobs"))
    yield jobs
    jobs.pool.shutdown(cancel_futures=True)


def _work(environment: dict[str, str], folder: Path) -> dict[str, Callable[[Path], Any]]:
    def r(script: str, *arguments: Any) -> list[Any]:
        return ["Rscript", "--vanilla", HERE / script, *arguments]

    def fresh(out: Path) -> Path:
        finished(r("fresh.R", HERE / "exchange.R", folder, out), environment)
        return out

    def hosted(out: Path) -> Path:
        named = environment | {"RETICULATE_PYTHON": "/no/such/python"}
        finished([sys.executable, HERE / "host.py", folder, out], named)
        return out

    def parallel(out: Path) -> Any:
        finished(r("parallel.R", HERE / "exchange.R", folder, out), environment)
        return json.loads((out / "parallel.json").read_text())

    def threads(out: Path) -> Any:
        finished([sys.executable, HERE / "threads.py", folder, out], environment)
        return json.loads((out / "threads.json").read_text())

    def command_line(out: Path) -> Path:
        homespot_ = [sys.executable, "-m", "homespot.cli"]
        inputs = [folder / "sc.h5ad", folder / "st.h5ad"]
        settings = [*CASES["settings"].items()]
        own = {"preset", "st_scale", "seed"}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings if name in own]
        options += [f"--set={name}={value}" for name, value in settings if name not in own]
        for name, given in (
            ("default", []),
            ("again", []),
            ("k_best", ["--k-best=7"]),
            ("settings", options),
            ("sections", ["--sections=lamina"]),
        ):
            finished([*homespot_, "map", *inputs, "-o", out / f"{name}.h5ad", *given], environment)
        placed = ["-o", out / "placed.h5ad"]
        finished([*homespot_, "place", out / "default.h5ad", folder / "sc.h5ad", *placed], environment)
        return out

    def bare(out: Path) -> str:
        venv.create(out / "venv", with_pip=False)
        named = environment | {"RETICULATE_PYTHON": str(out / "venv" / "bin" / "python"), "PYTHONPATH": ""}
        return finished(r("refusal.R"), named)

    def lacking_host(out: Path) -> str:
        """rpy2 in a Python that has nothing else, with RETICULATE_PYTHON naming one that has all."""
        venv.create(out / "venv", with_pip=False)
        (library,) = (out / "venv" / "lib").glob("python*/site-packages")
        _link_packages("rpy2", library)
        python = out / "venv" / "bin" / "python"
        return finished([python, "-c", HOST, HERE / "refusal.R"], environment | {"PYTHONPATH": ""})

    def other_version(out: Path) -> str:
        """A host that has imported a homespot of another version."""
        shutil.copytree(CORE, out / "homespot", ignore=shutil.ignore_patterns("__pycache__"))
        (out / "homespot" / "common" / "version.py").write_text('__version__ = "0.1.0"\n')
        command = [sys.executable, "-c", f"import homespot\n{HOST}", HERE / "refusal.R"]
        return finished(command, environment | {"PYTHONPATH": str(out)})

    jobs = (fresh, hosted, parallel, command_line, bare, lacking_host, other_version, threads)
    return {job.__name__: job for job in jobs}


HOST = "import sys; from rpy2.robjects import r; r.source(sys.argv[1])"


def _link_packages(name: str, library: Path, done: set[str] | None = None) -> None:
    """Link an installed package, and what it needs, into another Python's library."""
    done = set() if done is None else done
    if name in done:
        return
    done.add(name)
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # needed on other systems or Pythons only
        return
    for file in package.files or []:
        top = file.parts[0]
        if top not in ("..", "__pycache__") and not (library / top).exists():
            (library / top).symlink_to(Path(str(package.locate_file(top))))
    for requirement in package.requires or []:
        if "extra ==" not in requirement:
            _link_packages(re.split(r"[^A-Za-z0-9._-]", requirement)[0], library, done)


@pytest.fixture(scope="session")
def fresh(jobs):
    """Folder of what a fresh R process wrote."""
    return jobs["fresh"]


@pytest.fixture(scope="session")
def hosted(jobs):
    """Folder of what an R inside Python wrote."""
    return jobs["hosted"]


@pytest.fixture(scope="session")
def command_line(jobs):
    """Folder of what the command line wrote."""
    return jobs["command_line"]


@pytest.fixture(scope="session")
def parallel(jobs):
    """What an R process that mapped, and then let others map, found."""
    return jobs["parallel"]


@pytest.fixture(scope="session")
def threads(jobs):
    """What two Python threads that mapped at once found."""
    return jobs["threads"]


@pytest.fixture(scope="session")
def bare(jobs):
    """What R said of a Python without any package."""
    return jobs["bare"]


@pytest.fixture(scope="session")
def lacking_host(jobs):
    """What R said of a host without the core's packages."""
    return jobs["lacking_host"]


@pytest.fixture(scope="session")
def other_version(jobs):
    """What R said of a host with a homespot of another version."""
    return jobs["other_version"]


@pytest.fixture(scope="session")
def rscript(environment):
    """Run one of the R scripts of this folder."""

    def run(script, *arguments):
        return finished(["Rscript", "--vanilla", HERE / script, HERE / "exchange.R", *arguments], environment)

    return run


class Session:
    """An R process that runs script after script: loading Bioconductor takes longer than most of them."""

    def __init__(self, command: list[str], environment: dict[str, str], said: Path) -> None:
        self.said = said
        with said.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                env=environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def run(self, script: str, variables: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        named = {f"HOMESPOT_{name}": str(value) for name, value in variables.items()}
        named["HOMESPOT_EXCHANGE"] = str(HERE / "exchange.R")
        request = json.dumps({"script": str(HERE / script), "variables": named})
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        output = ""
        for line in self.process.stdout:
            if line == "done\n":
                return
            output += line
        pytest.fail(f"{script}: R ended\n{output}\n{self.said.read_text()}", pytrace=False)

    def close(self) -> None:
        with self.process:
            self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.said.read_text()


@pytest.fixture(scope="session")
def sourced(environment, tmp_path_factory):
    """Run one of the R scripts of this folder, which finds its folders in environment variables."""
    commands = {
        False: ["Rscript", "--vanilla", HERE / "session.R"],
        True: [sys.executable, HERE / "session.py"],
    }
    folder = tmp_path_factory.mktemp("sessions")
    sessions: dict[bool, Session] = {}

    def run(script, variables, *, hosted=False):
        if hosted not in sessions:
            sessions[hosted] = Session(commands[hosted], environment, folder / f"{hosted}.txt")
        sessions[hosted].run(script, variables)

    yield run
    for session in sessions.values():
        session.close()


# --- the problem -------------------------------------------------------------


def _side(rng, rows, genes, row, depth):
    names = [f"{row} {name}" for name in ODD]
    names += [f"{row}-{i + 1}" for i in range(rows - len(ODD))]
    counts = rng.poisson(rng.gamma(1.0, depth, (rows, len(genes)))).astype(np.float32)
    counts[:, 0] += 1
    return ad.AnnData(sparse.csr_matrix(counts), obs=pd.DataFrame(index=names), var=pd.DataFrame(index=genes))


@pytest.fixture(scope="session")
def problem():
    """Cells and spots with odd names of genes, cells and spots; spots in three dimensions."""
    rng = np.random.default_rng(5)
    sc = _side(rng, 90, [*GENES, "only in cells"], "c", 0.8)
    st = _side(rng, 40, ["only in spots", *GENES[::-1]], "s", 4.0)
    # Cells that resemble spots, so that there is something to find.
    st.obsm["spatial"] = np.round(rng.uniform(-1000, 1000, (40, 3)), 3) + np.array([1e5, 0, 0])
    # Three sections, in turn, the first of which is not the first by name, in a column that says nothing.
    st.obs["lamina"] = pd.Categorical(["s/2", "1", "µ"] * 13 + ["1"])
    return sc, st


def _variants(problem):
    """Return the data of `VARIANTS`: the cells, and the spots or, by name, the sections."""
    sc, st = (table.copy() for table in problem)
    st.obsm["spatial"] = st.obsm["spatial"][:, :2]
    sampled = st.copy()
    sampled.obs["sample_id"] = sampled.obs["lamina"].astype(str)
    right = sampled.obs["sample_id"] == "1"
    sampled.obsm["spatial"][right] += 4000
    listed = {name: st[st.obs["lamina"] == name].copy() for name in ("s/2", "1", "µ")}
    for part in listed.values():
        part.obs_names = [f"spot {i}" for i in range(part.n_obs)]
    off = st.copy()
    off.obs["in_tissue"] = [int(i % 5 > 0) for i in range(st.n_obs)]
    named = [table.copy() for table in (sc, st)]
    for table, column in zip(named, ("symbol", "gene_name"), strict=True):
        table.var[column] = table.var_names.to_numpy()
        table.var_names = [f"ENSG{i:011d}" for i in range(table.n_vars)]
    plain = st.copy()
    plain.obs["x"], plain.obs["y"] = plain.obsm.pop("spatial").T
    picture = st.copy()
    picture.uns["spatial"] = {
        "slide": {
            "images": {"lowres": np.zeros((20, 30, 3))},
            "scalefactors": {"tissue_lowres_scalef": 0.01},
        }
    }
    features = sc.copy()
    features.var["feature_types"] = ["Antibody Capture"] * 4 + ["Gene Expression"] * (sc.n_vars - 4)
    return {
        "sampled": (sc, sampled),
        "listed": (sc, listed),
        "off_tissue": (sc, off),
        "named": tuple(named),
        "plain_columns": (sc, plain),
        "picture": (sc, picture),
        "features": (features, st),
    }


@pytest.fixture(scope="session")
def variants(problem):
    """What Python makes of every variant; that it tells something of the data is tested elsewhere."""
    data = _variants(problem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", homespot.errors.DataWarning)
        return {name: homespot.map_cells(*data[of], **named) for name, (of, named) in VARIANTS.items()}


@pytest.fixture(scope="session")
def own(problem):
    """What Python makes of every case, in this process."""
    dense = tuple(table.copy() for table in problem)
    for table in dense:
        table.X = table.X.toarray()
    mapped = {}
    for name, arguments in CASES.items():
        named = {key: value for key, value in arguments.items() if key != "dense"}
        with warnings.catch_warnings():
            # The places are drawn at random, so genes say nothing of them.
            warnings.filterwarnings("ignore", "Two halves of the genes", homespot.errors.DataWarning)
            mapped[name] = homespot.map_cells(*(dense if "dense" in arguments else problem), **named)
    return mapped


@pytest.fixture(scope="session")
def saved(problem):
    """Mappings with annotation of every kind: dense, sparse with left-over, without coordinates."""
    sc, st = (table.copy() for table in problem)
    kinds = pd.Series(["b", None, "a"] * 30, index=sc.obs_names)
    sc.obs["type"] = pd.Categorical(kinds, categories=["b", "a", "unused"])
    sc.obs["grade"] = pd.Categorical(["lo", "hi", "lo"] * 30, categories=["lo", "hi"], ordered=True)
    sc.obs["text"] = kinds.map({"b": "NA", "a": "x"}).to_numpy(dtype=object)
    sc.obs["own_text"] = [f"'{name}'" for name in sc.obs_names]
    sc.obs["flag"] = np.arange(90) % 2 == 0
    sc.obs["maybe"] = pd.array([True, None, False] * 30, dtype="boolean")
    sc.obs["count"] = np.arange(90) - 5
    sc.obs["missing_count"] = pd.array([1, None, -3] * 30, dtype="Int64")
    sc.obs["number"] = [0.1, np.nan, -np.inf] * 30
    sc.obs["odd name, (µ)"] = np.arange(90.0)
    st.obs["sample_id"] = pd.Categorical(["s1", "s2"] * 20)
    st.obs["area"] = np.linspace(0.1, 1, 40)
    nowhere = st.copy()
    del nowhere.obsm["spatial"]
    plane = st.copy()
    plane.obsm["spatial"] = plane.obsm["spatial"][:, :2]
    one = {"shared_frame": True}
    with pytest.warns(homespot.errors.DataWarning, match="^The spatial data has no coordinates"):
        placeless = homespot.map_cells(sc, nowhere, "correlation", **one)
    with pytest.warns(homespot.errors.DataWarning, match="Found 2 sections in st.obs\\['sample_id'\\]"):
        sparse_map = homespot.map_cells(sc, plane, k_best=5, seed=3)
    return {
        "3d": homespot.map_cells(sc, st, **one),
        "sparse": sparse_map,
        "nowhere": placeless,
        "subset": homespot.subset(homespot.map_cells(sc, plane, **one), spots=list(st.obs_names[:31])),
    }


@pytest.fixture(scope="session")
def folder(tmp_path_factory, problem, saved):
    """The problem and the annotated mappings in files that both languages read."""
    path = tmp_path_factory.mktemp("problem")
    for table, side, rows in zip(problem, ("sc", "st"), ("cells", "spots"), strict=True):
        io.mmwrite(path / f"{side}.mtx", sparse.coo_matrix(table.X.T.astype(int)), field="integer")
        for names, what in ((table.var_names, "genes"), (table.obs_names, rows)):
            (path / f"{side}_{what}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        table.write_h5ad(path / f"{side}.h5ad")
    xyz = pd.DataFrame(problem[1].obsm["spatial"], columns=["x", "y", "z"])
    xyz.to_csv(path / "coordinates.csv", index=False)
    (path / "st_laminae.txt").write_text("\n".join(problem[1].obs["lamina"]), encoding="utf-8")
    (path / "cases.json").write_text(json.dumps(CASES))
    (path / "variants.json").write_text(json.dumps({k: [of, v] for k, (of, v) in VARIANTS.items()}))
    for name, (sc, st) in _variants(problem).items():
        files = path / f"data_{name}"
        files.mkdir()
        sc.write_h5ad(files / "sc.h5ad")
        parts = st if isinstance(st, dict) else {"": st}
        (files / "st.json").write_text(json.dumps(list(parts)))
        for i, part in enumerate(parts.values()):
            part.write_h5ad(files / f"st_{i}.h5ad")
    for name, mapping in saved.items():
        homespot.save(mapping, path / f"saved_{name}.h5ad")
    return path


# --- comparing ---------------------------------------------------------------


def decode(value):
    """Return what R's encode() wrote: None, scalars, arrays, Categoricals, dicts of them."""
    kind = value["type"]
    if kind == "null":
        return None
    if kind == "list":
        return {name: decode(item) for name, item in value["values"].items()} if value["values"] else {}
    if kind in ("factor", "ordered"):
        return pd.Categorical(value["values"], categories=value["levels"], ordered=kind == "ordered")
    values = value["values"]
    if kind == "double":
        array = np.array([np.nan if v in ("NA", "NaN") else _hexadecimal(v) for v in values])
    else:
        array = np.array(values, dtype=object)
    return array.reshape(value["dim"], order="F") if value["dim"] else array


def _hexadecimal(text):
    return float(text) if "Inf" in text else float.fromhex(text)


class FromR:
    """A map as R's writeMap() wrote it."""

    def __init__(self, stem: Path) -> None:
        content = json.loads(stem.with_name(stem.name + ".json").read_text(encoding="utf-8"))
        self.cells, self.spots = content["cells"], content["spots"]
        self.names = content["names"]
        self.matrix_class, self.stored = content["matrix"], content["stored"]
        self.classes = content["class"]
        p = np.fromfile(stem.with_name(stem.name + ".f8"), dtype="<f8")
        self.p = p.reshape(len(self.cells), len(self.spots))
        self.home = decode(content["home"])
        self.coordinates, self.axes = decode(content["coordinates"]), content["axes"]
        self.obs = {name: decode(column) for name, column in content["obs"].items()}
        self.var = {name: decode(column) for name, column in content["var"].items()}
        self.record = decode(content["record"])


def dense(mapping):
    p = in_memory(x_of(mapping))
    return p.toarray() if sparse.issparse(p) else np.asarray(p)


def same_numbers(found, mapping):
    """P of R is P of Python, to the byte."""
    p = dense(mapping)
    assert found.cells == found.names[0] == list(mapping.obs_names)
    assert found.spots == found.names[1] == list(mapping.var_names)
    narrow = found.p.astype(p.dtype)
    assert np.array_equal(narrow.astype("f8"), found.p)
    assert narrow.tobytes() == p.tobytes()
    assert (found.matrix_class == "dgCMatrix") == sparse.issparse(mapping.X)
    assert found.stored == (mapping.X.nnz if sparse.issparse(mapping.X) else p.size)
    left_over = mapping.obs["homespot_left_over"].to_numpy()
    assert np.asarray(found.obs["homespot_left_over"], dtype="f8").tobytes() == left_over.tobytes()


def same_coordinates(found, mapping):
    """The spots' coordinates, to the byte, or none on both sides."""
    if "spatial" not in mapping.varm:
        assert found.axes == []
        return
    expected = np.asarray(mapping.varm["spatial"], dtype="f8")
    assert found.axes == ["x", "y", "z"][: expected.shape[1]]
    assert np.ascontiguousarray(found.coordinates).tobytes() == np.ascontiguousarray(expected).tobytes()


def same_record(found, record, ignore=("versions",)):
    """Every entry of the run's record; numbers to the byte. `ignore` names entries that are not compared."""
    assert set(found) - set(ignore) == set(record) - set(ignore)
    for name, value in record.items():
        if name in ignore:
            continue
        other = found[name]
        if isinstance(value, dict):
            same_record(other, value, ignore)
        elif value is None:
            assert other is None, name
        else:
            mine = np.asarray(value)
            theirs = np.asarray(other).reshape(mine.shape)
            if mine.dtype.kind in "fiu":
                assert theirs.astype("f8").tobytes() == mine.astype("f8").tobytes(), name
            else:
                assert theirs.tolist() == mine.tolist(), name


def same_column(found, expected, name):
    """A column of R is one of Python: values, missing ones, levels and their order."""
    # R's sample_id is always text.
    if isinstance(expected.dtype, pd.CategoricalDtype) and name != "sample_id":
        assert isinstance(found, pd.Categorical), name
        assert list(found.categories) == list(expected.cat.categories.astype(str)), name
        assert found.ordered == expected.cat.ordered, name
        assert found.codes.tolist() == expected.cat.codes.tolist(), name
        return
    values = pd.Series(np.asarray(found)).astype(object)
    missing = expected.isna().to_numpy()
    assert values.isna().to_numpy().tolist() == missing.tolist(), name
    assert values[~missing].tolist() == expected.to_numpy(dtype=object)[~missing].tolist(), name


def same_columns(found, expected, ignore=()):
    """Columns of a map in R are those of Python."""
    assert set(found) - set(ignore) == set(expected.columns) - set(ignore)
    for name in expected.columns:
        if name not in ignore:
            same_column(found[name], expected[name], name)


def same_places(path, mapping):
    """Home spots, probabilities, positions and spreads of every cell, for each way to place it."""
    placed = json.loads(path.read_text(encoding="utf-8"))
    assert placed.keys() == POSITIONS.keys()
    for way, columns in placed.items():
        table = homespot.cell_positions(mapping, **POSITIONS[way])
        found = {name: decode(column) for name, column in columns.items()}
        assert found.pop("cells").tolist() == list(table.index)
        assert set(found) == set(table.columns), way
        for name, values in found.items():
            expected = table[name].to_numpy()
            if name in ("homespot_spot", "homespot_near_spot", "homespot_section"):
                assert values.tolist() == expected.tolist(), way
            else:
                # Compiled sums of arrays that lie side by side in memory may have another order.
                np.testing.assert_allclose(
                    values.astype("f8"), expected.astype("f8"), rtol=1e-12, err_msg=f"{way}, {name}"
                )


def _read_again(table, found):
    """Text of which a file has made categories, as these: those that there are, sorted."""
    made = [
        name
        for name in table
        if table[name].dtype in (object, "str") and isinstance(found[name].dtype, pd.CategoricalDtype)
    ]
    return table.assign(**{name: pd.Categorical(table[name]) for name in made})


def same_mapping(found, expected, ignore=("versions",)):
    """Two mappings of Python: every byte of P, places, annotation and record."""
    assert type(found.X) is type(expected.X)
    assert dense(found).dtype == dense(expected).dtype
    assert dense(found).tobytes() == dense(expected).tobytes()
    for table, other in ((found.obs, expected.obs), (found.var, expected.var)):
        pd.testing.assert_frame_equal(table, _read_again(other, table), check_like=True)
    assert set(found.varm) == set(expected.varm)
    for name in expected.varm:
        assert np.array_equal(found.varm[name], expected.varm[name])
    for name in ("homespot_features", "homespot_log_sum"):  # what a map that is not written down is made of
        assert (name in found.obsm) == (name in expected.obsm)
        if name in expected.obsm:
            assert found.obsm[name].tobytes() == expected.obsm[name].tobytes()
    same_record(found.uns["homespot"], expected.uns["homespot"], ignore)


@pytest.fixture(scope="session")
def same():
    """Give the comparisons, and the reader of R's files."""
    return SimpleNamespace(
        from_r=FromR,
        decode=decode,
        numbers=same_numbers,
        coordinates=same_coordinates,
        record=same_record,
        columns=same_columns,
        places=same_places,
        mapping=same_mapping,
    )
