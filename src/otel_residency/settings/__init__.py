"""Environment variables, policy file and arguments."""
