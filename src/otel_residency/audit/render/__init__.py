"""The report as documents. Nothing here counts; the sentences are in `wording.py`."""
