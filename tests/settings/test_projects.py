"""The file with the settings of projects, and the policy that names it."""

from datetime import date
from pathlib import Path

import pytest

from otel_residency.core.policy import Project
from otel_residency.settings.load import read_settings
from otel_residency.settings.projects import ProjectSettings, ProjectsFile

FILE = ProjectsFile(
    date(2026, 11, 1),
    "https://api.openai.com/v1/",
    "zero_data_retention",
    {
        "proj_a": ProjectSettings("EU_STORAGE_PROCESSING", "organization_default", "Köln"),
        "proj_b": ProjectSettings("GLOBAL", "none"),
    },
)


def _policy(directory: Path, text: str) -> dict[str, str]:
    policy = directory / "residency.toml"
    policy.write_text(text, encoding="utf-8")
    return {"OTEL_RESIDENCY_POLICY": str(policy)}


def test_the_policy_contains_what_the_file_contains(tmp_path: Path) -> None:
    """The file stands beside the policy; a project without a retention of its own has the organization's."""
    (tmp_path / "projects.json").write_text(FILE.as_json(), encoding="utf-8")
    settings = read_settings(_policy(tmp_path, '[projects]\nfile = "projects.json"'))
    assert settings.policy.unreadable is None
    assert settings.policy.seen_projects == {
        "proj_a": Project("EU_STORAGE_PROCESSING", "zero_data_retention", date(2026, 11, 1)),
        "proj_b": Project("GLOBAL", "none", date(2026, 11, 1)),
    }


def test_the_hash_of_the_policy_changes_with_the_file(tmp_path: Path) -> None:
    """Settings that were read anew make another policy."""
    environ = _policy(tmp_path, '[projects]\nfile = "projects.json"')
    hashes = set()
    for day in (1, 2):
        file = FILE._replace(observed=date(2026, 11, day))
        (tmp_path / "projects.json").write_text(file.as_json(), encoding="utf-8")
        hashes.add(read_settings(environ).policy_hash)
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: No such file or directory"),
        ("{", "is not JSON: "),
        ("[]", "a list is not a table"),
        (
            '{"observed": "yesterday", "source": "x"}',
            "observed: 'yesterday' is not a date like 2026-11-20",
        ),
        ('{"observed": "2026-11-01"}', "source: this key is missing"),
        ('{"observed": "2026-11-01", "source": "x", "keys": []}', "keys: unknown key; known are: "),
    ],
)
def test_a_file_that_is_not_sound_makes_the_policy_unreadable(
    tmp_path: Path, content: str | None, message: str
) -> None:
    """The message names the file, the key and what is allowed."""
    file = tmp_path / "projects.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    policy = read_settings(_policy(tmp_path, 'require = ["eu"]\n[projects]\nfile = "projects.json"')).policy
    assert (policy.unreadable or "").startswith(f"{file}: {message}")
    assert policy.require == ("eu",)
