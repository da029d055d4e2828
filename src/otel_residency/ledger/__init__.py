"""Writes a record of every call, in a thread of its own. `audit` reads the records."""
