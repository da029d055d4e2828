"""Regions that the code running now requires, besides the policy."""
