"""Run the README's commands on a Debian 12 that has nothing else: `python -m tools.fresh [VARIANT ...]`.

debootstrap makes the Debian, the committed HEAD is cloned into it, and `make demo` and `make test` run there
with an empty home and, where cgroups can be made, with 8 GiB of memory. Mirror, package index, proxies and
certificates are those with which apt, pip and Go are configured on this machine. The last results stand in
tests/FRESH.md. Only root can start it, for it mounts; inside, the commands run by an ordinary user too.
"""

import json
import os
import shutil
import subprocess
import sys
from ast import literal_eval
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final, NamedTuple

from tools.machine import commit, measured, record, system
from tools.needs import GIB

HERE: Final = Path(__file__).parent.parent
RESULTS: Final = HERE / "tests" / "FRESH.md"
LOGS: Final = HERE / "build" / "fresh"
RELEASE: Final = "bookworm"
PACKAGES: Final = "ca-certificates,git,make,python3,python3-venv"
TOOLS: Final = ("apt-get", "debootstrap", "git", "go", "unshare")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MEMORY: Final = 8 * GIB
CGROUPS: Final = {"memory": "memory.limit_in_bytes", "": "memory.max"}
"""The file that limits memory, by the folder of /sys/fs/cgroup: of version 1 and 2."""
CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"
CONFIGURED: Final = ("UV_", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""How variables begin that say where packages come from. What pip and Go read, they are asked for."""
GO: Final = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOFLAGS")
HEAD: Final = (
    "# The last results of `make fresh`\n\n"
    "`root` and `user` have Go and apt, `bare` is a user without them.\n\n"
    "| variant | result | `make demo` | `make test` | left out | commit, Debian | measured |\n"
    "|---|---|--:|--:|---|---|---|\n"
)


class Variant(NamedTuple):
    """Who runs the commands, and whether with Go and apt."""

    home: str
    complete: bool


VARIANTS: Final = {
    "root": Variant("root", complete=True),
    "user": Variant("home/user", complete=True),
    "bare": Variant("home/user", complete=False),
}


def output(*command: str | Path) -> str:
    """What a command prints."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()  # noqa: S603


def environment() -> dict[str, str]:
    """The variables by which pip, uv and Go find packages as they do on this machine."""
    found = {name: value for name, value in os.environ.items() if name.upper().startswith(CONFIGURED)}
    for line in output(sys.executable, "-m", "pip", "config", "list").splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2].replace("-", "_").upper()
        found[f"PIP_{name}"] = str(literal_eval(value))
    found |= json.loads(output("go", "env", "-json", *GO))
    # Other files and folders of this machine are not there.
    return {
        name: value for name, value in found.items() if value == CERTIFICATES or not value.startswith("/")
    }


def bootstrapped(root: Path) -> None:
    """Make the Debian, from the mirror of this machine."""
    targets = output("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)").splitlines()
    mirrors = [line.partition(" ")[2] for line in targets if line.startswith(f"{RELEASE} ")]
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, root, *mirrors[:1])
    for each in ("/etc/hosts", "/etc/resolv.conf", CERTIFICATES):
        shutil.copy(each, root / each[1:])
    proxies = output("apt-config", "dump", "Acquire::http", "Acquire::https")
    (root / "etc/apt/apt.conf.d/90machine").write_text(proxies + "\n", encoding="utf-8")
    run("chroot", root, "useradd", "--create-home", "user")


def run(*command: str | Path) -> None:
    """Run a command, which prints nothing unless it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-5000:]}")


def limited() -> Path | None:
    """A cgroup with less memory, if one can be made."""
    for folder, limit in CGROUPS.items():
        group = Path("/sys/fs/cgroup") / folder / f"otel-residency-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(MEMORY), encoding="ascii")
        except OSError:
            continue
        return group
    return None


def timed(root: Path, variant: Variant, goal: str, log: Path) -> tuple[bool, float]:
    """Whether `make GOAL` succeeds there, and how long it takes."""
    goroot = Path(output("go", "env", "GOROOT"))
    variables = {**environment(), "HOME": f"/{variant.home}", "LANG": "C.UTF-8", "PATH": PATH}
    script = ["set -e", f"mount --rbind /dev {root}/dev"]
    if variant.complete:
        variables["PATH"] += f":{goroot}/bin"
        script.append(f"mkdir -p {root}{goroot}; mount -o bind,ro {goroot} {root}{goroot}")
    group = limited()
    if group:
        script.append(f"echo $$ > {group}/cgroup.procs")
    user = Path(variant.home).name
    script.append(f'exec chroot --userspec={user}:{user} {root} env --ignore-environment "$@"')
    command = (
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc"),
        *("sh", "-c", "\n".join(script), "sh"),
        *(f"{name}={value}" for name, value in variables.items()),
        *("sh", "-c", f"cd && cd otel-residency && make {goal}"),
    )
    started = monotonic()
    with log.open("wb") as file:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)  # noqa: S603
    seconds = monotonic() - started
    if group:
        group.rmdir()
    return done.returncode == 0, seconds


def row(name: str, base: Path) -> str:
    """Run the commands in a copy of the Debian: the row of the results."""
    variant = VARIANTS[name]
    with TemporaryDirectory(prefix="otel-residency-fresh-") as folder:
        root = Path(folder) / "root"
        run("cp", "--archive", base, root)
        if not variant.complete:
            for program in (root / "usr/bin").glob("apt*"):
                program.unlink()
        clone = root / variant.home / "otel-residency"
        run("git", "clone", "--quiet", "--no-local", HERE, clone)
        cloned = commit(clone)
        run("chroot", root, "chown", "--recursive", "--reference", f"/{variant.home}", f"/{variant.home}")
        results = {goal: timed(root, variant, goal, LOGS / f"{name}-{goal}.log") for goal in ("demo", "test")}
        debian = system(root)
    log = (LOGS / f"{name}-test.log").read_text(encoding="utf-8", errors="replace")
    left_out = " ".join(line for line in log.splitlines() if line.endswith(" are left out."))
    failed = [goal for goal, (succeeded, _) in results.items() if not succeeded]
    seconds = [f"{taken:.0f} s" for _, taken in results.values()]
    cells = (
        f"failed: {', '.join(failed)}" if failed else "passed",
        *seconds,
        left_out,
        f"{cloned}, {debian}",
    )
    return f"| `{name}` | {' | '.join(cells)} | {measured()} |"


def main(names: Sequence[str]) -> int:
    """Run the variants that are named, or all; 1 if one failed."""
    lacking = [each for each in TOOLS if shutil.which(each) is None] + ["root"] * (os.geteuid() != 0)
    if lacking:
        sys.exit(f"make fresh needs {', '.join([*TOOLS, 'root'])}; missing: {', '.join(lacking)}.")
    LOGS.mkdir(parents=True, exist_ok=True)
    failed = False
    with TemporaryDirectory(prefix="otel-residency-fresh-") as folder:
        bootstrapped(Path(folder) / "base")
        for name in names or VARIANTS:
            result = row(name, Path(folder) / "base")
            record(RESULTS, HEAD, [result])
            print(result, flush=True)
            failed |= "| passed |" not in result
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
