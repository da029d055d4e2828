"""The dated tables: which there are, what stands in them, and what changed between two."""
