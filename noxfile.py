"""The suites that need an environment of their own."""

import os
import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True

OPENAI = ("1.40.0", "1.66.0", "1.99.0", "2.0.0", "2.54.0", "3.0.0", "3.51.0")
CONSTRAINTS = ("--constraint", "constraints/dev.txt")
GATE = Path("tests/gate").resolve()
BESIDE = ("stock", "config", "elastic", "splunk", "aws", "logfire", "phoenix", "traceloop", "langfuse")


@nox.session
@nox.parametrize("openai", OPENAI)
def matrix(session: nox.Session, openai: str) -> None:
    """Run the tests of the patch with one release of the client."""
    # openai before 1.55.3 can't make a client of a newer httpx.
    httpx = "httpx==0.27.2" if openai == "1.40.0" else "httpx==0.28.1"
    session.install(
        "--editable", ".[httpx]", "--group", "client-test", f"openai=={openai}", httpx, *CONSTRAINTS
    )
    sockets = () if openai == "1.40.0" else ("tests/http_clients/test_sockets.py",)
    session.run("pytest", "tests/openai_client", *sockets, "-q", *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """Run with the oldest OpenTelemetry and wrapt that the package says it works with."""
    oldest = ("opentelemetry-api==1.39.0", "opentelemetry-sdk==1.39.0", "wrapt==1.17.0")
    contrib = ("instrumentation", "instrumentation-httpx", "distro")
    tests = ("pytest==9.2.0", "pytest-asyncio==1.5.0", "trustme==1.2.1", "httpx==0.28.1", "openai==2.54.0")
    session.install(
        "--editable", ".[httpx]", *oldest, *(f"opentelemetry-{each}==0.60b0" for each in contrib), *tests
    )
    files = [f"tests/openai_client/test_{each}.py" for each in ("telemetry", "instrumentor", "hops")]
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
    session.run("pytest", "tests/openai_client/test_neighbours.py", "-q", *session.posargs)


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
@nox.parametrize("openai", ("2.54.0", "3.51.0"))
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
    if shutil.which("go") is None:
        missing = "Go is not installed, so the Collector, Jaeger and Alertmanager can't be built and are not tested"
        (session.error if os.environ.get("CI") else session.skip)(missing)
    session.install(
        "--editable",
        ".[httpx]",
        "--group",
        "test",
        "opentelemetry-instrumentation-genai-openai==1.3b0",
        *CONSTRAINTS,
        "--constraint",
        "constraints/openai.txt",
    )
    session.run("python", "-m", "tools.backends", env={"PYTHONPATH": "."})
    tests = ("tests/backends", "tests/monitoring/test_end_to_end.py")
    session.run("pytest", *tests, "-q", *session.posargs, env={"BACKENDS": "yes"})
