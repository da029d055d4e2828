"""The suites that need an environment of their own."""

import os
import sys
import tomllib
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.options.download_python = "never"
# The shims of pyenv find only the Pythons that are selected.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *map(str, sorted(PYENV.glob("versions/3.*/bin")))])

VERSIONS = tomllib.loads(Path("constraints/versions.toml").read_text(encoding="utf-8"))
HTTPX = {release["version"]: release["httpx"] for release in VERSIONS["openai"]}
"""The httpx beside each release of openai."""
CONSTRAINTS = ("--constraint", "constraints/dev.txt")
BIN = Path(sys.executable).parent
"""Where the environment is that make builds, in which some suites run."""
GATE = Path("tests/gate").resolve()
CONFORMANCE = [release["version"] for release in VERSIONS["openai"] if "conformance" in release]
UNIT = (
    *(
        "tests/audit",
        "tests/catalogue",
        "tests/core",
        "tests/requirements",
        "tests/runtime",
        "tests/settings",
        "tests/telemetry",
        "tests/tools",
    ),
    # Each test of `test_zero_code.py` starts a process.
    *map(str, sorted({*Path("tests").glob("test_*.py")} - {Path("tests/test_zero_code.py")})),
)
BESIDE = ("stock", "config", "elastic", "splunk", "aws", "logfire", "phoenix", "traceloop", "langfuse")


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style, types and the directions of imports."""
    for command in (
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        ("lint-imports",),
        ("python", "-m", "tools.lint"),
    ):
        in_venv(session, *command)


@nox.session(venv_backend="none")
def unit(session: nox.Session) -> None:
    """Run the quick tests in .venv."""
    in_venv(session, "pytest", "-q", "--numprocesses=2", *UNIT, *session.posargs)


@nox.session(venv_backend="none")
def coverage(session: nox.Session) -> None:
    """Run the quick tests in .venv and measure the core, every branch of which they must reach."""
    measured = ("--cov=otel_residency.core", "--cov-report=term", "--cov-fail-under=100")
    in_venv(session, "pytest", "-q", *measured, *UNIT, *session.posargs)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the other tests that need no environment of their own in .venv."""
    in_venv(session, "pytest", "-q", *(f"--ignore={path}" for path in UNIT), *session.posargs)


@nox.session(venv_backend="none")
def imports(session: nox.Session) -> None:
    """Import each patched module in two threads, two hundred times, in .venv."""
    test = ("tests/patches/test_imports.py", "--numprocesses=2", *session.posargs)
    session.run(str(BIN / "pytest"), "-q", *test, env={"IMPORT_ROUNDS": "200"})


@nox.session(venv_backend="none")
def interruptions(session: nox.Session) -> None:
    """Raise a signal wherever a handler may run in our code during a call, in .venv."""
    test = ("tests/patches/test_interruptions.py", "--numprocesses=2", *session.posargs)
    session.run(str(BIN / "pytest"), "-q", *test, env={"INTERRUPTIONS_STEP": "1"})


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Run the tests that make up their input with many more examples, in .venv."""
    in_venv(session, "pytest", "-q", "-p", "tests.fuzz", *session.posargs)


@nox.session
def guided(session: nox.Session) -> None:
    """Fuzz what reads bytes of others for about a minute, guided by the lines that an input reaches."""
    if sys.platform != "linux":
        session.skip("atheris has wheels for Linux only")
    session.install("--editable", ".[httpx,cli,audit]", "atheris", *CONSTRAINTS)
    session.run("python", "-m", "tests.fuzzing.guided", *session.posargs)


@nox.session(venv_backend="none")
def bounds(session: nox.Session) -> None:
    """Make a hundred thousand calls of as many kinds in .venv, and see what memory they leave."""
    tests = ("-q", "tests/calls/test_bounds.py", "-k", "memory")
    session.run(str(BIN / "pytest"), *tests, *session.posargs, env={"BOUNDED_CALLS": "100000"})


def in_venv(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of .venv."""
    session.run(str(BIN / program), *arguments)


@nox.session
@nox.parametrize("openai", sorted(HTTPX), ids=sorted(HTTPX))
def matrix(session: nox.Session, openai: str) -> None:
    """Run the tests of the patch with one release of the client."""
    session.install(
        *("--editable", ".[httpx]", "--group", "client-test", *CONSTRAINTS),
        *(f"openai=={openai}", f"httpx=={HTTPX[openai]}"),
    )
    sockets = () if openai == "1.40.0" else ("tests/patches/test_sockets.py",)
    session.run("pytest", "tests/calls", *sockets, "-q", *session.posargs)


@nox.session
@nox.parametrize("websockets", VERSIONS["clients"]["websockets"], ids=VERSIONS["clients"]["websockets"])
def sockets(session: nox.Session, websockets: str) -> None:
    """Run the tests of WebSocket sessions with one release of websockets, which openai may not allow."""
    group = ("--group", "client-test", "--constraint", "constraints/openai.txt")
    session.install("--editable", ".[httpx]", *group, "aiohttp", "openai", "requests", "trio", *CONSTRAINTS)
    session.install("--no-deps", f"websockets=={websockets}")
    session.run("pytest", "tests/patches/test_sockets.py", "-q", *session.posargs)


@nox.session(python=VERSIONS["python"])
def pythons(session: nox.Session) -> None:
    """Run the tests that need no environment of their own with another Python.

    Those of tools/ are about the checkout and its .venv.
    """
    session.install(
        *("--editable", ".[httpx]", "--group", "test", *CONSTRAINTS),
        *("--constraint", "constraints/openai.txt"),
    )
    session.run("pytest", "-q", "--ignore=tests/tools", *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """Run with the oldest OpenTelemetry and wrapt that the package says it works with."""
    oldest = VERSIONS["opentelemetry"]["oldest"]
    contrib = ("instrumentation", "instrumentation-httpx", "distro")
    session.install(
        *("--editable", ".[httpx]", f"wrapt=={oldest['wrapt']}"),
        *(f"opentelemetry-{each}=={oldest['api']}" for each in ("api", "sdk")),
        *(f"opentelemetry-{each}=={oldest['contrib']}" for each in contrib),
        *("pytest==9.2.0", "pytest-asyncio==1.5.0", "trustme==1.2.1", "httpx==0.28.1", "openai==2.54.0"),
    )
    files = [f"tests/calls/test_{each}.py" for each in ("telemetry", "instrumentor", "hops")]
    files += [f"tests/export_gate/test_{each}.py" for each in ("gate", "processors", "install")]
    session.run("pytest", "-q", *files, *session.posargs)


@nox.session
def neighbours(session: nox.Session) -> None:
    """Run beside other instrumentations of the client, in every order."""
    others = (
        "openai",
        "openinference-instrumentation-openai==0.1.66",
        "opentelemetry-instrumentation-genai-openai==1.3b0",
    )
    group = ("--group", "client-test", "--constraint", "constraints/openai.txt")
    session.install("--editable", ".[httpx]", *group, *others, *CONSTRAINTS)
    session.run("pytest", "tests/calls/test_neighbours.py", "-q", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Install the built wheel where nothing else of this project is, and run the demo with it."""
    built = session.create_tmp()
    session.run("uv", "build", "--quiet", "--wheel", "--out-dir", built, external=True)
    (package,) = Path(built).glob("*.whl")
    session.install(
        f"{package}[httpx]", "--group", "demo", *CONSTRAINTS, "--constraint", "constraints/openai.txt"
    )
    session.run("python", "-m", "examples.demo")


@nox.session
@nox.parametrize("openai", CONFORMANCE, ids=CONFORMANCE)
def conformance(session: nox.Session, openai: str) -> None:
    """Run the client's own offline tests with us and without us; every outcome must be the same."""
    session.install("--editable", ".", "--requirement", f"tests/conformance/requirements-{openai}.txt")
    session.run("python", "tests/conformance/run.py", "--openai", openai, *session.posargs)


@nox.session
@nox.parametrize("package", sorted(file.stem for file in Path("tests/gate/packages/requirements").iterdir()))
def packages(session: nox.Session, package: str) -> None:
    """Run a real instrumentation of the client behind the export gate."""
    session.install("--requirement", f"tests/gate/packages/requirements/{package}.txt", "--editable", ".")
    python = str(Path(session.bin) / "python")
    test = ("-m", "pytest", "-q", "tests/gate/packages/test_gate.py", *session.posargs)
    session.run(sys.executable, *test, env={"GATE_PACKAGE": package, "GATE_PYTHON": python}, external=True)


@nox.session
@nox.parametrize("environment", BESIDE)
def beside(session: nox.Session, environment: str) -> None:
    """Put the export gate into a real distribution, or beside a package that exports by itself."""
    session.install("--editable", ".", "--requirement", f"tests/gate/beside/requirements/{environment}.txt")
    variables = {"BESIDE": environment, "PYTHONPATH": str(GATE / "packages")}
    session.run("pytest", "tests/gate/beside", "-q", *session.posargs, env=variables)


@nox.session
def servers(session: nox.Session) -> None:
    """Put the export gate into servers that fork, spawn, and interleave requests."""
    session.install("--editable", ".", "--requirement", "tests/gate/servers/requirements.txt")
    folders = os.pathsep.join(str(GATE / name) for name in ("packages", "servers"))
    session.run(
        "pytest", "tests/gate/servers", "-q", *session.posargs, env={"SERVERS": "yes", "PYTHONPATH": folders}
    )


@nox.session
@nox.parametrize("library", sorted(VERSIONS["green"]), ids=sorted(VERSIONS["green"]))
def green(session: nox.Session, library: str) -> None:
    """Make calls in greenlets of one library."""
    group = ("--group", "client-test", "--constraint", "constraints/openai.txt")
    session.install(
        "--editable", ".[httpx]", "openai", *group, f"{library}=={VERSIONS['green'][library]}", *CONSTRAINTS
    )
    session.run("pytest", "tests/green", "-q", *session.posargs, env={"GREEN": library})


@nox.session
@nox.parametrize("client", sorted(file.stem for file in Path("tests/clients/requirements").iterdir()))
def clients(session: nox.Session, client: str) -> None:
    """Run a library that calls the client with us and without us."""
    session.install("--editable", ".", "--requirement", f"tests/clients/requirements/{client}.txt")
    variables = {
        "CLIENT": client,
        "CLIENT_PYTHON": str(Path(session.bin) / "python"),
        "PYTHONPATH": str(GATE / "packages"),
    }
    test = ("-m", "pytest", "-q", "tests/clients", *session.posargs)
    session.run(sys.executable, *test, env=variables, external=True)


@nox.session
def backends(session: nox.Session) -> None:
    """Run the configurations of the examples in real back ends, some of which Go builds."""
    session.install(
        *("--editable", ".[httpx]", "--group", "test", "opentelemetry-instrumentation-genai-openai==1.3b0"),
        *(*CONSTRAINTS, "--constraint", "constraints/openai.txt"),
    )
    session.run("python", "-m", "tools.backends", env={"PYTHONPATH": "."})
    tests = ("tests/backends", "tests/monitoring/test_end_to_end.py")
    session.run("pytest", *tests, "-q", *session.posargs, env={"BACKENDS": "yes"})
