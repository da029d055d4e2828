"""Writing a record of every call, off its path; `audit` reads what is written."""
