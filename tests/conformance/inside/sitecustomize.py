"""Python imports this as it starts: so the subprocesses that tests start are instrumented too."""

import os

if os.environ.get("CONFORMANCE_VARIANT"):
    import conformance_activation

    conformance_activation.activate(os.environ["CONFORMANCE_VARIANT"])
