"""A directory for PYTHONPATH: Python runs its `sitecustomize` before a program. Nothing else belongs here."""
