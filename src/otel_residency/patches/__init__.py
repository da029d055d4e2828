"""The libraries that are patched, a file each."""
