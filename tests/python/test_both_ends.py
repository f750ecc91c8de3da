"""Files go both ways between this Python and the two at the ends of what homespot runs on.

`tools/setup-python.sh newest` and `oldest` make those Pythons; where one is missing its tests are skipped.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest

import homespot as hs

ROOT = Path(__file__).parents[2]
ENDS = ["newest", "oldest"]


def python(end: str) -> Path:
    if end == "newest" and version("zarr").startswith("2."):
        pytest.skip("zarr 2 cannot read the zarr of the newest, and says so; see test_reading")
    path = ROOT / f".venv-{end}" / "bin" / "python"
    if not path.exists():
        pytest.skip(f"tools/setup-python.sh {end} has not been run")
    return path


def run(end: str, folder: Path, code: str) -> None:
    """Run code in another Python; its own files of this package are those that are tested here."""
    source = Path(hs.__file__).parents[1]
    done = subprocess.run(
        [python(end), "-W", "ignore", "-c", f"import sys; sys.path.insert(0, {str(source)!r})\n{code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr


MAKE = """
import anndata as ad, numpy as np, pandas as pd
from scipy import sparse
new = ad.__version__ >= "0.13"
text = (lambda values: pd.array(values, dtype="string")) if new else (lambda values: values)
rng = np.random.default_rng(0)
profiles = rng.lognormal(0.5, 1.0, (25, 30))
home = rng.integers(25, size=40)
genes = pd.Index(text([f"g{i}" for i in range(30)]))
sc = ad.AnnData(
    sparse.csr_matrix(rng.poisson(profiles[home]).astype(np.float32)),
    obs=pd.DataFrame({"type": pd.Categorical(np.where(home % 2, "T/NK", "b")), "donor": text(["d"] * 40)},
                     index=pd.Index(text([f"c{i}" for i in range(40)]))),
    var=pd.DataFrame(index=genes),
)
st = ad.AnnData(
    sparse.csr_matrix(rng.poisson(4 * profiles).astype(np.float32)),
    obs=pd.DataFrame({"layer": text(["L1"] * 25)}, index=pd.Index(text([f"s{i}" for i in range(25)]))),
    var=pd.DataFrame(index=genes),
    obsm={"spatial": rng.uniform(0, 1000, (25, 2))},
)
if new:
    ad.settings.allow_write_nullable_strings = True
for name, adata in (("sc", sc), ("st", st)):
    adata.write_h5ad(f"{name}.h5ad")
    adata.write_zarr(f"{name}.zarr")
"""

COMMANDS = [
    ["map", "sc.h5ad", "st.h5ad", "-o", "map.h5ad"],
    ["map", "sc.zarr", "st.zarr", "-o", "zarr.h5ad"],
    ["place", "map.h5ad", "sc.h5ad", "-o", "placed.h5ad"],
    ["impute", "map.h5ad", "sc.h5ad", "-o", "imputed.h5ad"],
    ["deconvolve", "map.h5ad", "type", "-o", "types.h5ad"],
]
MADE = ["map", "zarr", "placed", "imputed", "types"]

COMMAND_LINE = f"""
from homespot import cli
for command in {COMMANDS!r}:
    sys.argv = ["homespot", *command, "--progress", "none"] if command[0] == "map" else ["homespot", *command]
    try:
        cli.main()
    except SystemExit as left:
        assert not left.code, (command, left.code)
"""

NEIGHBOURS = """
import anndata as ad, numpy as np, scanpy, squidpy
placed, types = ad.read_h5ad("placed.h5ad"), ad.read_h5ad("types.h5ad")
assert placed.obs["type"].cat.categories.tolist() == ["T/NK", "b"]
assert np.isfinite(placed.obsm["spatial"]).all() and placed.obsm["spatial"].shape == (40, 2)
squidpy.gr.spatial_neighbors(placed, coord_type="generic")
squidpy.gr.nhood_enrichment(placed, cluster_key="type", show_progress_bar=False, seed=0)
assert placed.uns["type_nhood_enrichment"]["zscore"].shape == (2, 2)
import matplotlib; matplotlib.use("agg")
scanpy.pl.embedding(placed, basis="spatial", color="type", show=False)
scanpy.pp.normalize_total(placed)
"""


def encodings(path: Path) -> set[str]:
    found: set[str] = set()
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.add(str(item.attrs.get("encoding-type"))))
    return found


@pytest.mark.parametrize("end", ENDS)
def test_files_of_either_end_give_the_same_there_and_here(tmp_path: Path, end: str) -> None:
    run(end, tmp_path, MAKE)
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        for name in ("sc.h5ad", "st.h5ad", "sc.zarr", "st.zarr"):
            (folder / name).symlink_to(tmp_path / name)
    run(end, there, COMMAND_LINE)
    source = Path(hs.__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(source)!r})\n{COMMAND_LINE}"
    subprocess.run([sys.executable, "-c", code], cwd=here, check=True)
    for folder in (here, there):
        mapping = hs.load(folder / "map.h5ad")
        assert mapping.X.tobytes() == hs.load(folder / "zarr.h5ad").X.tobytes()
        assert list(mapping.obs_names) == [f"c{i}" for i in range(40)]
        assert list(mapping.obs["donor"]) == ["d"] * 40
    for name in MADE:
        one, other = (ad.read_h5ad(folder / f"{name}.h5ad") for folder in (here, there))
        np.testing.assert_allclose(one.to_df(), other.to_df(), rtol=1e-4, atol=1e-7)
        assert list(one.obs_names) == list(other.obs_names)
        assert list(one.var_names) == list(other.var_names)
        # What every reader opens, R's older ones among them.
        assert not [form for form in encodings(there / f"{name}.h5ad") if form.startswith("nullable-string")]


@pytest.mark.parametrize("end", ENDS)
def test_our_files_open_there(tmp_path: Path, end: str) -> None:
    run("newest", tmp_path, MAKE)
    code = f"import sys; sys.path.insert(0, {str(Path(hs.__file__).parents[1])!r})\n{COMMAND_LINE}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    sums = {name: float(ad.read_h5ad(tmp_path / f"{name}.h5ad").X.sum()) for name in MADE}
    run(
        end,
        tmp_path,
        "import anndata as ad\n"
        f"for name, total in {sums!r}.items():\n"
        "    adata = ad.read_h5ad(f'{name}.h5ad')\n"
        "    assert abs(float(adata.X.sum()) - total) < 1e-3, name\n"
        "    assert adata.obs_names.is_unique\n",
    )
    if end == "newest":
        run(end, tmp_path, NEIGHBOURS)
