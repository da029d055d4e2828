"""The service as a worker of celery, with a broker and results in the folder `QUEUE`."""

import os
from pathlib import Path
from typing import Any

from broker import celery_app
from celery.signals import worker_process_shutdown
from service import end, serve

app = celery_app(Path(os.environ["QUEUE"]))
app.task(name="serve")(serve)


@worker_process_shutdown.connect
def end_process(**_: Any) -> None:
    """A process of the pool is about to end."""
    end()
