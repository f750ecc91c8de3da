"""Files that are written: whole or not at all, in their place, and never over a file that is read."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest

import homespot as hs
from homespot.common.files import check_target, refuse_inputs, whole

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")


def write(target: Path, text: str) -> None:
    with whole(target) as file:
        file.write_text(text)


@posix
def test_a_link_stays_and_its_target_is_written_with_its_mode(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    target, link = tmp_path / "data" / "map.h5ad", tmp_path / "link.h5ad"
    link.symlink_to("data/map.h5ad")
    write(link, "first")  # a link to a file that is not there yet
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask()
    for mode in (0o600, 0o664, 0o640):
        target.chmod(mode)
        write(link, oct(mode))
        assert link.is_symlink()
        assert target.read_text() == oct(mode)
        assert stat.S_IMODE(target.stat().st_mode) == mode
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "link.h5ad", "map.h5ad"]


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_hard_link_keeps_the_old_file(tmp_path: Path) -> None:
    old, target = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("old")
    os.link(old, target)
    write(target, "new")
    assert (old.read_text(), target.read_text()) == ("old", "new")


KILLED = """
import os, signal, sys, time
from pathlib import Path
from homespot.common.files import whole

with whole(Path(sys.argv[1]) / "map.h5ad") as file:
    file.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@posix
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path, end: str) -> None:
    import signal

    others = [tmp_path / name for name in (".homespot-notes.tmp", ".homespot-0-1-1-ab.tmp", ".map-1.h5ad")]
    for other in others:
        other.write_text("")
    processes = [
        subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
    processes[0].send_signal(getattr(signal, end))
    processes[0].wait()
    left = set(tmp_path.iterdir()) - set(others)
    assert len(left) == 2
    write(tmp_path / "map.h5ad", "whole")
    still = set(tmp_path.iterdir()) - set(others) - {tmp_path / "map.h5ad"}
    assert len(still) == 1  # that of the process which still writes
    assert still < left
    processes[1].kill()
    for process in processes:
        process.communicate()
    write(tmp_path / "map.h5ad", "whole")
    assert set(tmp_path.iterdir()) == {*others, tmp_path / "map.h5ad"}


def bad_paths(folder: Path) -> dict[str, tuple[object, str]]:
    (folder / "is_folder.h5ad").mkdir()
    (folder / "file").write_text("")
    (folder / "cells.zarr" / "X").mkdir(parents=True)
    (folder / "cells.zarr" / ".zgroup").write_text("{}")
    return {
        "no ending": (folder / "map", "ends in .h5ad | map | Rename"),
        "another ending": (folder / "map.csv", "ends in .h5ad | map.csv | Rename"),
        "no folder": (folder / "no" / "map.h5ad", "folder exists | map.h5ad | Make folder"),
        "below a file": (folder / "file" / "map.h5ad", "folder exists | map.h5ad | Make folder"),
        "a folder": (folder / "is_folder.h5ad", "file | which is a folder | Name"),
        "in a zarr": (folder / "cells.zarr" / "X" / "map.h5ad", "file | in the zarr | beside"),
        "a long name": (folder / ("x" * 300 + ".h5ad"), "file | long | another"),
        "a character of no name": (str(folder / "a\0b.h5ad"), "file | null | another"),
        "a number": (5, "file | int | text"),
        "nothing": (None, "file | NoneType | text"),
    }


CASES = (
    *("no ending", "another ending", "no folder", "below a file", "a folder", "in a zarr", "a long name"),
    *("a character of no name", "a number", "nothing"),
)


@pytest.mark.parametrize("case", CASES)
def test_a_path_that_cannot_be_written_is_refused_before_the_work(tmp_path, refused, case: str) -> None:
    path, words = bad_paths(tmp_path)[case]
    with refused(words, recorded=case not in ("a long name", "a character of no name")):
        check_target(path, ".h5ad")


@posix
def test_what_is_no_plain_file_is_refused(tmp_path: Path, refused) -> None:
    os.mkfifo(tmp_path / "pipe.h5ad")
    (tmp_path / "loop.h5ad").symlink_to("loop.h5ad")
    with refused("file | plain file | another"):
        check_target(tmp_path / "pipe.h5ad", ".h5ad")
    with refused("file | leads to itself | file"):
        check_target(tmp_path / "loop.h5ad", ".h5ad")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_a_folder_that_takes_no_file_is_refused_also_for_root() -> None:
    with pytest.raises(hs.errors.InputError, match="a folder that takes no file"):
        check_target("/proc/map.h5ad", ".h5ad")


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_file_is_refused(tmp_path: Path, refused) -> None:
    (tmp_path / "map.h5ad").write_text("")
    (tmp_path / "map.h5ad").chmod(0o444)
    with refused("file | may not change | another"):
        check_target(tmp_path / "map.h5ad", ".h5ad")


@posix
def test_an_input_is_known_by_any_of_its_names(tmp_path: Path, monkeypatch) -> None:
    cells = tmp_path / "cells.h5ad"
    cells.write_text("")
    (tmp_path / "soft.h5ad").symlink_to(cells)
    os.link(cells, tmp_path / "hard.h5ad")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("cells.h5ad", "./cells.h5ad", "sub/../cells.h5ad", str(cells), "soft.h5ad", "hard.h5ad"):
        with pytest.raises(hs.errors.InputError, match="which is read"):
            refuse_inputs(Path(name), [cells])
        with pytest.raises(hs.errors.InputError, match="which is read"):
            refuse_inputs(cells, [Path(name)])
    refuse_inputs(tmp_path / "map.h5ad", [cells, tmp_path / "no.h5ad"])


@pytest.fixture
def saved(make_pair, tmp_path: Path) -> tuple[Path, Path]:
    """A map and the cells in files."""
    sc, st = make_pair(stored="dense")
    hs.save(hs.map_cells(sc, st), tmp_path / "map.h5ad")
    sc.write_h5ad(tmp_path / "sc.h5ad")
    return tmp_path / "map.h5ad", tmp_path / "sc.h5ad"


@posix
def test_the_file_of_a_backed_object_is_not_written(saved, tmp_path: Path, refused) -> None:
    path, cells = saved
    before = path.read_bytes(), cells.read_bytes()
    mapping, sc = hs.load(path, backed=True), ad.read_h5ad(cells, backed="r")
    (tmp_path / "link.h5ad").symlink_to(path)
    for target in (path, tmp_path / "link.h5ad"):
        with refused("input | read | another", recorded=False):
            hs.save(mapping, target)
        with refused("input | read | another", recorded=False):
            hs.impute_genes(mapping, sc, output=target)
    with refused("input | read | another", recorded=False):
        hs.impute_genes(mapping, sc, output=cells)
    assert (path.read_bytes(), cells.read_bytes()) == before
    hs.save(mapping, tmp_path / "copy.h5ad")
    assert np.array_equal(hs.load(tmp_path / "copy.h5ad").X, hs.load(path).X)


def test_a_matrix_of_an_open_file_is_not_written_over(saved, refused) -> None:
    path, _ = saved
    mapping = hs.load(path)
    with h5py.File(path) as file:
        mapping.X = file["X"]
        with refused("input | read | another", recorded=False):
            hs.save(mapping, path)


def test_every_file_of_homespot_says_so(saved, tmp_path: Path) -> None:
    path, cells = saved
    hs.impute_genes(hs.load(path), ad.read_h5ad(cells), output=tmp_path / "genes.h5ad").file.close()
    for written in (path, tmp_path / "genes.h5ad"):
        with h5py.File(written) as file:
            assert file.attrs["homespot"] == hs.__version__


@pytest.mark.skipif(sys.platform == "win32", reason="sockets as files")
def test_a_socket_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as here:
        here.bind("s.h5ad")
        with pytest.raises(hs.errors.InputError, match="no plain file"):
            check_target("s.h5ad", ".h5ad")
