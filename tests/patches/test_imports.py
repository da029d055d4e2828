"""Imports with our hooks: two threads never wait for each other, what is imported anew is patched again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, reload
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from warnings import catch_warnings, simplefilter
from zipfile import ZipFile

import pytest
import wrapt

from otel_residency.patches import install, otel_sdk
from otel_residency.patches.imports import finder

PROGRAM = Path(__file__).with_name("importing.py")
ROUNDS = os.environ.get("IMPORT_ROUNDS")
"""How often each module is imported, in the suite that does nothing else."""
MODULES = [name for name in (*install.MODULES, *otel_sdk.MODULES) if "." in name]
SAMPLE = ("openai._base_client", "urllib3.connectionpool", "aiohttp.connector", "opentelemetry.sdk.trace")


def importing(module: str, ours: str) -> subprocess.CompletedProcess[str]:
    """What the program did."""
    command = [sys.executable, str(PROGRAM), module, ROUNDS or "6", ours]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", MODULES if ROUNDS else SAMPLE)
def test_threads_do_not_wait_for_each_other(module: str) -> None:
    """Where two imports come to an end without us they do with us, for each module that has a hook."""
    done = importing(module, "with")
    assert not done.returncode or importing(module, "without").returncode, done.stderr


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ModuleType]]:
    """Each execution of the module `patched_here`, which has a hook, as the module."""
    (tmp_path / "patched_here.py").write_text("value = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "patched_here", raising=False)
    modules: list[ModuleType] = []
    finder.add("patched_here", modules.append)
    yield modules
    del finder.hooks["patched_here"]


def test_what_is_executed_anew_is_patched_again(executed: list[ModuleType]) -> None:
    """A module that is reloaded, forgotten and imported, or made of its specification."""
    first = import_module("patched_here")
    reload(first)
    del sys.modules["patched_here"]
    second = import_module("patched_here")
    del sys.modules["patched_here"]
    spec = find_spec("patched_here")
    assert spec is not None
    assert spec.loader is not None
    copied = module_from_spec(spec)
    spec.loader.exec_module(copied)
    assert executed == [first, first, second, copied]


def test_a_lazy_module_is_patched_when_it_is_executed(executed: list[ModuleType]) -> None:
    """`LazyLoader` executes a module when something of it is read."""
    spec = find_spec("patched_here")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules["patched_here"] = module
    spec.loader.exec_module(module)
    assert executed == []
    assert module.value == 1
    assert executed == [module]


def test_a_module_in_an_archive_is_patched(
    executed: list[ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`zipimport` loads it."""
    with ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("patched_here.py", "value = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path / "archive.zip"))
    assert import_module("patched_here").value == 2
    assert len(executed) == 1


def test_a_loader_that_only_loads_is_patched(
    executed: list[ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.14 still takes loaders that have nothing but `load_module`."""

    class Loader:
        def load_module(self, name: str) -> ModuleType:
            sys.modules[name] = ModuleType(name)
            return sys.modules[name]

    class OldFinder:
        def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
            return ModuleSpec(name, Loader()) if name == "patched_here" else None  # type: ignore[arg-type]

    monkeypatch.setattr(sys, "meta_path", [finder, OldFinder(), *sys.meta_path])
    with catch_warnings():
        simplefilter("ignore", ImportWarning)
        module = import_module("patched_here")
    assert executed == [module]
    assert isinstance(module.__loader__, Loader)
    assert type(module.__loader__) is Loader


@pytest.mark.parametrize("ours_first", [True, False])
def test_another_who_waits_for_the_same_module(
    executed: list[ModuleType], monkeypatch: pytest.MonkeyPatch, *, ours_first: bool
) -> None:
    """Hooks of wrapt are called as well, once, whoever stands before the other."""
    others: list[ModuleType] = []
    wrapt.register_post_import_hook(others.append, "patched_here")
    rest = [each for each in sys.meta_path if each is not finder]
    monkeypatch.setattr(sys, "meta_path", [finder, *rest] if ours_first else [*rest[:1], finder, *rest[1:]])
    module = import_module("patched_here")
    assert executed == others == [module]


def test_a_module_keeps_its_loader(executed: list[ModuleType]) -> None:
    """What executes a module finds the loader that it finds without us."""
    module = import_module("patched_here")
    assert executed == [module]
    assert module.__spec__ is not None
    assert type(module.__loader__) is type(module.__spec__.loader) is SourceFileLoader


ANEW = """
import sys
from importlib import import_module, reload
from otel_residency import ResidencyInstrumentor
from otel_residency.patches.imports import finder
ResidencyInstrumentor().instrument(require="eu", skip_dep_check=True)
import openai, httpx, httpcore, urllib3, requests, aiohttp, http.client, websockets.sync.client
from openai import _base_client
PATCHED = '''
httpx.Client._send_single_request httpx2.AsyncClient._send_single_request
httpcore.ConnectionPool.handle_request
urllib3.connectionpool.HTTPConnectionPool.urlopen urllib3.connection.HTTPConnection.connect
aiohttp.connector.BaseConnector.connect aiohttp.client_reqrep.ClientRequest.send
http.client.HTTPConnection.endheaders websockets.client.ClientProtocol.send_request
openai._base_client.SyncAPIClient.request openai._streaming.Stream.__init__
'''.split()

def layers(path):
    parent, owner, method = path.rsplit(".", 2)
    function, layers = vars(getattr(import_module(parent), owner))[method], 0
    while function is not None:
        layers += function.__code__.co_filename.replace("\\\\", "/").count("otel_residency/patches/")
        function = getattr(function, "__wrapped__", None)
    return layers

import httpx2
before = {path: layers(path) for path in PATCHED}
for name in list(finder.hooks):
    if name in sys.modules and not name.startswith("opentelemetry"):
        reload(sys.modules[name])
reloaded = {path: layers(path) for path in PATCHED}
tops = {path.partition(".")[0] for path in PATCHED}
for name in [name for name in sys.modules if name.partition(".")[0] in tops and name != "http"]:
    del sys.modules[name]
again = {path: layers(path) for path in PATCHED}
assert set(before.values()) == set(reloaded.values()) == set(again.values()) == {1}, (before, reloaded, again)
"""


def test_libraries_that_are_imported_anew_are_patched_once() -> None:
    """Each method is patched once: at first, after a reload, and after an import from the beginning."""
    done = subprocess.run([sys.executable, "-c", ANEW], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
