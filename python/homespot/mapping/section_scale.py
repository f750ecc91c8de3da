"""Find sections on different scales: counts in one, logarithms in another."""

from __future__ import annotations

from ..common.wording import argument, either
from ..errors import InputError, expected
from ..expression.table import Expression
from ..matrix.streamed import Streamed
from ..space.sections import Sections

__all__ = ["refuse_scales_apart"]

_ROWS = 2  # a table needs at least two rows


def refuse_scales_apart(st: Expression, sections: Sections) -> None:
    """Refuse a table whose sections are certainly on different scales, by their names.

    Parameters
    ----------
    st
        The table of all sections, whose scale was not stated.
    sections
        The section of every row.
    """
    found: dict[str, tuple[str, str]] = {}
    for code, name in enumerate(sections.names):
        rows = sections.rows(code)
        if len(rows) >= _ROWS:
            matrix = st.matrix.taken(rows) if isinstance(st.matrix, Streamed) else st.matrix[rows]
            part = Expression(matrix, st.names[rows], st.genes, "st", "auto", st.dtype)
            if not part.assumed:
                found.setdefault(part.scale, (name, part.evidence))
    if len(found) > 1:
        said = " and ".join(
            f"{scale} in section {name!r} ({evidence})" for scale, (name, evidence) in sorted(found.items())
        )
        raise InputError(
            expected(
                "all sections on one scale",
                said,
                "Give counts of all sections, or log values of all, "
                + either("in X or in a layer (st_layer=)", "in one assay (st.assay.type)")
                + "; if they "
                f"are on one scale, say which: {argument('st_scale', 'counts')} or "
                f"{argument('st_scale', 'log')}.",
            )
        )
