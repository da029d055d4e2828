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


# No `ResidencyError`: that one is about configuration, and a program that catches it must not swallow a
# refusal.
class RefusalError(Exception):
    """A call was refused: the base of `ResidencyViolationError`, to be named without importing openai."""


class Refused(BaseException):
    """Carries a refusal out of an HTTP hook.

    openai 2 retries any `Exception` of a hop and wraps the last one; openai 3.57.0 does so with those of its
    HTTP library. A `BaseException` passes: httpx 0.28.1 only closes the response and raises it again. The
    patch of the client's `request` raises the refusal in its place (`tests/calls/test_hops.py`).
    """

    def __init__(self, error: RefusalError) -> None:
        """Carry `error`."""
        super().__init__()
        self.error = error
