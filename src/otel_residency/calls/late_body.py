"""Bodies that the application reads after the client has returned."""

from typing import TYPE_CHECKING, Any
from weakref import ref

from otel_residency.calls.answer import read_body

if TYPE_CHECKING:
    from otel_residency.calls.call import Call


def is_running(iterator: Any) -> bool:
    """Whether a generator is being asked for its next item right now."""
    return bool(getattr(iterator, "gi_running", False) or getattr(iterator, "ag_running", False))


def watch_read(response: Any, call: "Call") -> None:
    """Learn from a JSON body that the application reads in one piece, when it does.

    The body is complete only after the response is closed, so the read that is under way ends the call.
    """
    dropped = ref(response)
    kind = type(response)

    def begun() -> Any:
        call.reading = True
        own = dropped()
        for name in ("read", "aread"):  # a response that was read may be pickled
            vars(own).pop(name, None)
        return own

    def done(content: bytes) -> bytes:
        own = dropped()
        call.seen.answer = read_body(own, call.judging.creation) if own is not None else call.seen.answer
        call.finish()
        return content

    def read() -> bytes:
        try:
            return done(kind.read(begun()))
        except BaseException as error:
            call.raised(error)
            raise

    async def aread() -> bytes:
        try:
            return done(await kind.aread(begun()))
        except BaseException as error:
            call.raised(error)
            raise

    if hasattr(kind, "read"):
        response.read = read
    if hasattr(kind, "aread"):
        response.aread = aread
