"""The errors of this package.

    Exception
    └── ResidencyError                 anything below
        ├── AuditError                 records that can't be reported on
        ├── CatalogueError             a catalogue file that does not hold what it must
        └── PolicyError                a policy, an environment variable or an argument

`ResidencyViolationError`, raised in place of a refused call, derives from `RefusalError` and, where openai is
installed, from `openai.OpenAIError`; it is defined beside the patch of that client.
"""


class ResidencyError(Exception):
    """Base of the errors about configuration."""


class AuditError(ResidencyError):
    """Records can't be reported on; the message names the file or place, and what to do."""


class CatalogueError(ResidencyError):
    """A catalogue file can't be used; the message names file, key, value and what is allowed."""


class PolicyError(ResidencyError):
    """A setting can't be used; the message names its origin, key, value and what is allowed."""


class RefusalError(Exception):
    """A call was refused: the base of `ResidencyViolationError`, to be named without importing openai."""
