"""What the package costs: added to a call, to a stream, to the start of a process. Ratios from one run."""
