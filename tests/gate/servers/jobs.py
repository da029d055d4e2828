"""A worker of rq that serves one request in a job, in a process of its own which ends by `os._exit`.

The queue is in memory: the job's process has a copy, and the worker never sees the result.
"""

from fakeredis import FakeRedis
from rq import Queue, Worker

redis = FakeRedis()
queue = Queue(connection=redis)
queue.enqueue("service.serve", "VIOLATING", 1)
Worker([queue], connection=redis).work(burst=True)
