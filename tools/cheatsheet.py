"""Write the cheat sheet of both languages from their code: vignettes/cheatsheet.Rmd, which both sites show.

    python tools/cheatsheet.py [FILE]

Python is asked for the signatures of its public verbs, the installed R package (R_LIBS) for the formals of
what it exports. A public verb that stands in no step below is an error, and so is one that is gone.
"""

import inspect
import re
import subprocess
import sys
from html import escape
from operator import attrgetter
from pathlib import Path
from typing import Any

import homespot
from homespot.common.files import whole

ROOT = Path(__file__).resolve().parents[1]

# What Python calls a verb, and what R calls it. In quotes of its own: no verb, but what its objects can do.
STEPS: dict[str, list[tuple[str | None, str | None]]] = {
    "Map": [
        ("map_cells", "mapCells"),
        ("methods", "methodParameters"),
        ("'mapping.X'", "mappingMatrix"),
        ("'mapping.uns[\"homespot\"]'", "mappingInfo"),
        ("subset", "'map[cells, spots]'"),
        ("renormalise", "renormalise"),
        ("combine_cells", "'rbind(map, other)'"),
        ("join_sections", None),
        ("combine_sections", "combineSections"),
        (None, "CellMapping"),
    ],
    "Add": [("add_mapping", "addMapping")],
    "Place": [
        ("place_cells", "placeCells"),
        ("cell_positions", None),
        ("cell_modes", "cellModes"),
        (None, "homeSpot"),
    ],
    "Genes": [("impute_genes", "imputeGenes")],
    "Types": [
        ("deconvolve_spots", "deconvolveSpots"),
        ("fit_types", "fitTypes"),
        ("colocate_types", "colocateTypes"),
        ("type_distances", "typeDistances"),
        ("cell_distances", "cellDistances"),
    ],
    "Labels": [("annotate_cells", "annotateCells")],
    "Assign": [("assign_cells", "assignCells")],
    "Score": [
        ("cross_validate", "crossValidateGenes"),
        ("metrics.gene_scores", "scoreGenes"),
        ("metrics.proportion_scores", "scoreProportions"),
        ("metrics.accuracy_score", "accuracyScore"),
        ("plot.compare", None),
        ("metrics.distances", "placeDistances"),
        ("metrics.kde_divergence", "kdeDivergence"),
        ("calibration", "calibrateMapping"),
        ("dream", None),
    ],
    "Tune": [("tune", "tuneMapping")],
    "Simulate": [("simulate_spots", "simulateSpots"), ("make_demo", "demoData"), ("datasets", None)],
    "Look": [
        ("plot.spots", "plotSpots"),
        ("plot.cells", "plotCells"),
        ("plot.gene", "plotGene"),
        ("plot.proportions", "plotTypes"),
        ("plot.probability", "plotMapping"),
        ("plot.confidence", "plotConfidence"),
        ("plot.calibration", "plotCalibration"),
        ("plot.scores", "plotScores"),
        ("plot.colocation", "plotColocation"),
        ("plot.losses", "plotLosses"),
        ("plot.marginals", "plotMarginals"),
        ("plot.agreement", "plotAgreement"),
    ],
    "Report": [("report", "mappingReport")],
    "Save": [
        ("save", "saveMapping"),
        ("load", "loadMapping"),
        ("'adata.write_h5ad(path)'", "writeAnnData"),
        ("'anndata.read_h5ad(path)'", "readAnnData"),
    ],
    "R's Python": [(None, "homespotPython"), (None, "homespotSetup"), (None, "hasPython")],
}

# A line for every exported function: name, arguments, title of its manual page. Other packages' generics, of
# which there are only methods, are left out.
FROM_R = r"""
suppressPackageStartupMessages(library(homespot))
titles <- list()
for (page in tools::Rd_db(dir = commandArgs(TRUE))) {
  tags <- vapply(page, attr, "", "Rd_tag")
  text <- function(tag) vapply(page[tags == tag], function(x) paste(unlist(x), collapse = ""), "")
  titles[text("\\alias")] <- text("\\title")
}
argument <- function(name, default) {
  default <- paste(deparse(default, width.cutoff = 500L), collapse = " ")
  if (nzchar(default)) paste(name, "=", default) else name
}
for (name in grep("^[.]__", getNamespaceExports("homespot"), value = TRUE, invert = TRUE)) {
  verb <- getExportedValue("homespot", name)
  if (is(verb, "genericFunction") && verb@package != "homespot") next
  given <- paste(mapply(argument, names(formals(verb)), formals(verb)), collapse = ", ")
  cat(paste(c(name, given, titles[[name]]), collapse = "\t"), "\n", sep = "")
}
"""

PAGE = """\
---
title: "Cheat sheet"
author: "The homespot developers"
output:
  rmarkdown::html_vignette:
    mathjax: null
vignette: >
  %\\VignetteIndexEntry{{Cheat sheet}}
  %\\VignetteEngine{{knitr::rmarkdown}}
  %\\VignetteEncoding{{UTF-8}}
---

<!-- page -->

<!-- Made by tools/cheatsheet.py from the code, as `make docs` does: not to be edited. -->

Every public verb in both languages, by step, with its arguments and their defaults. `hs` is
`import homespot as hs`; in Python, what stands behind `*` is given by name. Printed, this is two sides of A4.

<style>
body:has(> h1.title) {{ max-width: 72rem; }}
.cheat {{ border-collapse: collapse; width: 100%; font-size: 0.8rem; line-height: 1.35; }}
.cheat td, .cheat th {{
  border: 0; border-bottom: 1px solid #8884; padding: 0.25rem 0.6rem 0.25rem 0;
  vertical-align: top; text-align: left; overflow-wrap: anywhere; line-height: inherit;
}}
.cheat td {{ width: 38%; }}
.cheat td:first-child {{ width: 24%; }}
.cheat tbody th {{ padding-top: 0.8rem; font-size: 0.95rem; }}
.cheat code {{
  background: none; border: 0; padding: 0; color: inherit; font-size: 0.95em; white-space: normal;
}}
#session pre {{ overflow-x: auto; }}
@media screen and (max-width: 46rem) {{
  .cheat, .cheat tbody, .cheat tr, .cheat td, .cheat td:first-child, .cheat tbody th {{
    display: block; width: auto;
  }}
  .cheat thead {{ display: none; }}
  .cheat td {{ border: 0; }}
  .cheat td:last-child {{ border-bottom: 1px solid #8884; }}
}}
@media print {{
  @page {{ size: A4 landscape; margin: 8mm; }}
  body:has(> h1.title) {{ max-width: none; margin: 0; padding: 0; }}
  h4.author {{ display: none; }}
  .cheat {{ font-size: 6.2pt; line-height: 1.15; break-inside: auto; }}
  .cheat td {{ padding: 0.3pt 5pt 0.3pt 0; }}
  .cheat tbody th {{ padding: 1.5pt 0 0; font-size: 7pt; }}
  .cheat tr {{ break-inside: avoid; }}
  .cheat tr:has(th) {{ break-after: avoid; }}
  article h1, .page-header h1, h1.title {{ font-size: 12pt; margin: 0 0 4pt; }}
  article p {{ font-size: 8pt; margin: 2pt 0; }}
  #session, .footer, .skip-to-content, footer {{ display: none; }}
}}
</style>

<table class="cheat">
<thead><tr><th></th><th>Python</th><th>R</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>

<!-- end -->

# Session

```{{r session}}
sessionInfo()
```
"""


def default(value: Any) -> str:
    """Give a default as it is written; of a long tuple the ends."""
    if isinstance(value, tuple) and len(value) > 6:
        return f"({value[0]!r}, …, {value[-1]!r})"
    return repr(value).replace("'", '"')


def arguments(verb: Any) -> str:
    """Arguments and defaults of a Python function, without the types."""
    shown = []
    starred = False
    for name, given in inspect.signature(verb).parameters.items():
        if given.kind is given.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        if given.kind is given.VAR_KEYWORD:
            shown.append(f"**{name}")
        else:
            shown.append(name if given.default is given.empty else f"{name}={default(given.default)}")
    return ", ".join(shown)


def from_python() -> dict[str, tuple[str | None, str]]:
    """Every public verb and module: its arguments (None for a module) and the first line of what it says."""
    found = {}
    names = [*homespot.__all__, *(f"plot.{name}" for name in homespot.plot.__all__)]
    names += [f"metrics.{name}" for name in homespot.metrics.__all__]
    for name in names:
        verb = attrgetter(name)(homespot)
        if callable(verb):
            found[name] = (arguments(verb), inspect.getdoc(verb).partition("\n")[0])
        elif inspect.ismodule(verb) and name != "metrics":
            found[name] = (None, inspect.getdoc(verb).partition("\n")[0])
    return found


def from_r() -> dict[str, tuple[str | None, str]]:
    """Every exported function of the R package: its arguments and the title of its page."""
    answer = subprocess.run(
        ["Rscript", "--vanilla", "-e", FROM_R, ROOT], text=True, stdout=subprocess.PIPE, check=True
    )
    lines = (line.split("\t") for line in answer.stdout.splitlines())
    return {name: (given, title) for name, given, title in lines}


def code(text: str) -> str:
    """Give HTML in which no reader of Markdown finds emphasis, or quotes and dots to embellish."""
    return escape(text).replace("*", "&#42;").replace("...", "&#46;&#46;&#46;")


def call(name: str | None, prefix: str, verbs: dict[str, tuple[str | None, str]]) -> str:
    """Give HTML of a call: the name in bold, then the arguments."""
    if name is None:
        return ""
    if name.startswith("'"):
        return f"<code>{code(name[1:-1])}</code>"
    given = verbs[name][0]
    rest = "" if given is None else f"({code(given)})"
    return f"<code>{prefix}<b>{name}</b>{rest}</code>"


def sentence(python: str | None, r: str | None, verbs: tuple[dict[str, tuple[str | None, str]], ...]) -> str:
    """Say what a verb does, in the words of its documentation."""
    text = verbs[0][python][1] if python in verbs[0] else verbs[1][str(r)][1]
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text.rstrip("."), quote=False))


def main() -> None:
    """Write the page, once both languages have no verb that STEPS lacks."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "vignettes" / "cheatsheet.Rmd"
    verbs = from_python(), from_r()
    for side, known in enumerate(verbs):
        listed = {pair[side] for step in STEPS.values() for pair in step if pair[side]}
        wrong = {name for name in listed if not name.startswith("'")} ^ known.keys()
        if wrong:
            raise SystemExit(f"expected STEPS to hold every public verb and no other, found: {sorted(wrong)}")
    rows = []
    for step, pairs in STEPS.items():
        rows.append(f'<tr><th colspan="3">{escape(step, quote=False)}</th></tr>')
        for python, r in pairs:
            cells = (sentence(python, r, verbs), call(python, "hs.", verbs[0]), call(r, "", verbs[1]))
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    with whole(target) as file:
        file.write_text(PAGE.format(rows="\n".join(rows)), encoding="utf-8")
    print(target)


main()
