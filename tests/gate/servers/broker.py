"""What the worker of celery and who gives it tasks agree on: a folder for tasks, and for results."""

from pathlib import Path

from celery import Celery


def celery_app(queue: Path) -> Celery:
    """An application of celery without a server."""
    app = Celery("service", broker="filesystem://", backend=f"file://{queue}")
    folders = ("data_folder_in", "data_folder_out", "control_folder")
    app.conf.broker_transport_options = {**dict.fromkeys(folders, str(queue)), "polling_interval": 0.05}
    return app
