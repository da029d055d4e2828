"""The hosts in an exporter's endpoint, in each spelling of HTTP and gRPC."""

import pytest

from otel_residency.core.telemetry_targets import Target, read_targets

ONE = (("h.example", 4317),)


@pytest.mark.parametrize(
    ("endpoint", "targets"),
    [
        ("https://user:secret@h.example:4317/path?key", ONE),
        ("HTTPS://h.example:4317", ONE),
        ("h.example:4317", ONE),
        ("//h.example:4317", ONE),
        ("h.example", (("h.example", None),)),
        ("dns:h.example:4317", ONE),
        ("dns:///h.example:4317", ONE),
        ("dns://8.8.8.8/h.example:4317", ONE),
        ("DNS:///h%2Eexample:4317", ONE),
        ("passthrough:///h.example:4317", ONE),
        ("ipv4:1.2.3.4:4317,5.6.7.8", (("1.2.3.4", 4317), ("5.6.7.8", None))),
        ("ipv6:[::1]:4317,%5B::2%5D", (("::1", 4317), ("::2", None))),
        ("[::1]:4317", (("::1", 4317),)),
        ("h.example:1,i.example:2", (("h.example", 1), ("i.example", 2))),
        ("unix:/run/collector", (("localhost", None),)),
        ("unix:///run/collector", (("localhost", None),)),
        ("unix-abstract:collector", (("localhost", None),)),
        ("xds:///collector", ()),
        ("vsock:2:4317", ()),
        ("http:h.example", ()),
        ("h.example:1,[broken", ()),
        ("http://[broken", ()),
        ("h.example:99999", ()),
        ("  ", ()),
    ],
)
def test_the_hosts_of_an_endpoint(endpoint: str, targets: tuple[Target, ...]) -> None:
    """All of them with their ports; none if one can't be read."""
    assert read_targets(endpoint) == targets
