"""The pages that both sites show: the calls on them, and the cheat sheet, are those of the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot

ROOT = Path(__file__).parents[2]
VIGNETTES = ROOT / "vignettes"


def ours(tool):
    """Give our calls of the page's section on a tool, as they stand there."""
    page = (VIGNETTES / "coming.Rmd").read_text(encoding="utf-8")
    section = re.split(r"\n# (?:Seurat|Tangram|spacexr|CARD|Session)\n", page.partition(f"\n# {tool}\n")[2])[
        0
    ]
    calls = re.findall(r'<div class="ours">\n\n```(?:r|python)\n(.*?)```', section, re.DOTALL)
    assert len(calls) == section.count('<div class="ours">') > 0
    return "\n".join(calls)


def test_the_cheat_sheet_is_what_the_code_gives(environment, tmp_path):
    made = tmp_path / "cheatsheet.Rmd"
    tool = subprocess.run(
        [sys.executable, ROOT / "tools" / "cheatsheet.py", made],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert tool.returncode == 0, tool.stderr
    committed = (VIGNETTES / "cheatsheet.Rmd").read_text(encoding="utf-8")
    assert made.read_text(encoding="utf-8") == committed, "make it anew with tools/cheatsheet.py"


def test_what_users_of_tangram_read():
    sc, st = homespot.make_demo()
    found = {"sc": sc, "st": st}
    exec(ours("Tangram"), found)
    p = found["mapping"].X
    assert p.shape == (sc.n_obs, st.n_obs)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    # As project_cell_annotations() and project_genes() of Tangram 1.0.4 have them.
    types = pd.get_dummies(sc.obs["cell_type"]).astype(float)
    cells = found["types"].to_df("cells")
    np.testing.assert_allclose(cells, p.T @ types[cells.columns].to_numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["genes"][:, sc.var_names].X, p.T @ sc.X.toarray(), rtol=1e-4, atol=1e-4)
    assert set(found["scores"].columns) >= {"pcc", "ssim", "rmse", "jsd"}
    assert isinstance(found["placed"], ad.AnnData)
    assert found["slots"].shape[0] == sc.n_obs


@pytest.mark.slow
def test_what_users_of_r_packages_read(rscript, tmp_path):
    for tool in ("Seurat", "spacexr", "CARD"):
        (tmp_path / f"{tool}.R").write_text(ours(tool), encoding="utf-8")
    rscript("pages.R", tmp_path)
