"""What the tests share: small pairs of data sets whose cells come from known spots, and the real data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from scipy import sparse

from homespot import cli
from homespot.common.extras import has
from homespot.errors import DependencyError, HomespotError, InputError

settings.register_profile("homespot", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("homespot")

WITHOUT_TORCH = tuple(f"Expected torch for {what}, found" for what in ("method 'come'", "backend 'torch'"))


def _skip_without_torch() -> Generator[None, object, object]:
    """Skip a test that turns out to train COME, or to ask for torch, where there is no torch."""
    try:
        return (yield)
    except (DependencyError, pytest.fail.Exception) as error:
        # pytest.warns() fails where an error came before the warning, which is the context then.
        reason = error if isinstance(error, DependencyError) else error.__context__
        if has("torch") or not str(reason).startswith(WITHOUT_TORCH):
            raise
        pytest.skip("torch is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from _skip_without_torch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from _skip_without_torch())


MESSAGES = Path(__file__).with_name("messages.txt")
_HEADER = """\
# Every message that a test reads whole: the test, and below it the text.
# Written by: pytest tests/python --update-messages
"""


class Messages:
    """The prose of all messages, in one file, so that it can be rewritten by recording it again.

    The tests compare the words that a message cannot do without; this file holds the sentences.
    """

    def __init__(self, update: bool) -> None:
        self.update = update
        self.texts: dict[str, str] = {}
        self.count: dict[str, int] = {}
        self.asked: set[str] = set()
        self.tests: set[str] = set()
        if MESSAGES.is_file():
            for entry in MESSAGES.read_text(encoding="utf-8").removeprefix(_HEADER).split("\n\n"):
                key, _, text = entry.strip("\n").partition("\n")
                self.texts[key] = re.sub("^    ", "", text, flags=re.MULTILINE)

    def compare(self, test: str, text: str) -> None:
        """Compare a message with the recorded one; a test can have several, in the order it reads them."""
        self.count[test] = n = self.count.get(test, 0) + 1
        key = test if n == 1 else f"{test} {n}"
        self.asked.add(key)
        if self.update:
            self.texts[key] = text
        assert key in self.texts, f"not recorded: {text!r}. Run pytest with --update-messages."
        assert text == self.texts[key], "the message has changed: run pytest with --update-messages"

    def keep(self, here: Callable[[str], bool]) -> None:
        """Write the file, without the messages of tests that are not `here` any more."""
        kept = {key: text for key, text in sorted(self.texts.items()) if key in self.asked or here(key)}
        entries = (key + "\n" + re.sub("^", "    ", text, flags=re.MULTILINE) for key, text in kept.items())
        MESSAGES.write_text(_HEADER + "".join(f"\n{entry}\n" for entry in entries), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-messages", action="store_true", help="record the prose of the messages in messages.txt"
    )


_RECORD = pytest.StashKey[Messages]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RECORD] = Messages(config.getoption("--update-messages"))


def _name(item: pytest.Item) -> str:
    return f"{item.path.stem}::{item.name}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Before any is left out by its mark.
    config.stash[_RECORD].tests.update(_name(item) for item in items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    record = session.config.stash[_RECORD]
    if record.update:
        files = {name.partition("::")[0] for name in record.tests}
        whole = not any("::" in argument for argument in session.config.args)

        def here(key: str) -> bool:
            in_test = re.sub(r" \d+$", "", key)
            return in_test in record.tests or not whole or key.partition("::")[0] not in files

        record.keep(here)


def check_words(words: str, error: HomespotError) -> None:
    """Compare the parts of a message with the words ``what | found | remedy`` that have to be in them."""
    parts = words.split("|")
    assert len(parts) == 3, f"expected the words of what, found and remedy, with | between them: {words!r}"
    for name, wanted in zip(("what", "found", "remedy"), parts, strict=True):
        said = getattr(error, name)
        assert said, f"the message has no {name}: {error}"
        missing = _missing(wanted, said)
        assert not missing, f"{missing} should be in {name}: {said!r}"


def _portable(text: str, folder: str | None) -> str:
    """Return a text with <folder> for the folder of a test, and with / in the paths below it."""
    if folder is None:
        return text
    for written in (repr(folder)[1:-1], folder):
        text = text.replace(written, "<folder>")
    return re.sub(r"<folder>[^'\"]*", lambda path: re.sub(r"\\+", "/", path.group()), text)


def _missing(words: str, text: str) -> list[str]:
    return [word for word in words.split() if not re.search(_alone(word), text)]


def _alone(word: str) -> str:
    """Return the pattern of a word that is no part of a longer word or number."""
    before = r"(?<![\w.])" if re.match(r"\w", word) else ""
    after = r"(?!\w|\.\d)" if re.search(r"\w$", word) else ""
    return before + re.escape(word) + after


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compares a text with the words that have to be in it, and, whole, with the recorded one."""
    record = request.config.stash[_RECORD]
    folder = str(request.getfixturevalue("tmp_path")) if "tmp_path" in request.fixturenames else None

    def check(text: object, words: str = "") -> None:
        said = str(text).rstrip("\n")
        missing = _missing(words, said)
        assert not missing, f"{missing} should be in {said!r}"
        record.compare(_name(request.node), _portable(said, folder))

    return check


Refused = Callable[..., "Iterator[None]"]


@pytest.fixture
def refused(told: Callable[..., None]) -> Refused:
    """Checks that what follows is refused: the class of the error, the words of its parts, and its prose.

    ``with refused("what | found | remedy"):``; `recorded` is False where the prose has versions of packages.
    """

    @contextmanager
    def check(
        words: str, error: type[HomespotError] = InputError, *, recorded: bool = True
    ) -> Iterator[None]:
        with pytest.raises(error) as caught:
            yield
        assert type(caught.value) is error
        check_words(words, caught.value)
        if recorded:
            told(caught.value)

    return check


MakePair = Callable[..., tuple[ad.AnnData, ad.AnnData]]


def _make_pair(
    n_cells: int = 40,
    n_spots: int = 25,
    n_genes: int = 30,
    *,
    dims: int = 2,
    seed: int = 0,
    stored: str = "csr",
) -> tuple[ad.AnnData, ad.AnnData]:
    """Counts of cells and spots over overlapping genes in different orders; every spot differs."""
    rng = np.random.default_rng(seed)
    genes = np.array([f"g{i}" for i in range(n_genes + 10)])
    profiles = rng.lognormal(0.5, 1.0, (n_spots, len(genes)))
    home = rng.integers(n_spots, size=n_cells)
    counts = rng.poisson(profiles[home] * rng.uniform(0.5, 2, n_cells)[:, None]).astype(np.float32)
    spot_counts = rng.poisson(profiles * 4).astype(np.float32)
    sc_genes, st_genes = rng.permutation(len(genes))[5:], rng.permutation(len(genes))[:-5]
    convert = {"csr": sparse.csr_matrix, "dense": np.ascontiguousarray}[stored]
    sc = ad.AnnData(
        X=convert(counts[:, sc_genes]),
        obs=pd.DataFrame(
            {"type": pd.Categorical(np.where(home % 2, "a", "b"))}, index=[f"c{i}" for i in range(n_cells)]
        ),
        var=pd.DataFrame(index=genes[sc_genes]),
    )
    sc.obs["home"] = [f"s{i}" for i in home]
    st = ad.AnnData(
        X=convert(spot_counts[:, st_genes]),
        obs=pd.DataFrame({"region": np.arange(n_spots) % 3}, index=[f"s{i}" for i in range(n_spots)]),
        var=pd.DataFrame(index=genes[st_genes]),
        obsm={"spatial": rng.uniform(0, 1000, (n_spots, dims))},
    )
    return sc, st


@pytest.fixture(scope="session")
def command_line() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a folder."""

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "homespot.cli", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Any, str, str]]:
    """Runs the command line in this process; returns the exit status, stdout and stderr."""

    def call(*arguments: object) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["homespot", *map(str, arguments)])
        monkeypatch.setattr("warnings.showwarning", lambda *_: None)
        code: object = 0
        try:
            cli.main()
        except SystemExit as left:
            code = left.code or 0
        return (code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def make_pair() -> MakePair:
    return _make_pair


@pytest.fixture
def pair() -> tuple[ad.AnnData, ad.AnnData]:
    return _make_pair()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets; a test that needs it says why it was skipped."""
    folder = os.environ.get("HOMESPOT_DATA", "")
    if not folder:
        pytest.skip("HOMESPOT_DATA is not set: the real data is not here")
    return Path(folder)
