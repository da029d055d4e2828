"""The report as documents. Nothing here counts; the words are in `words.py`."""
