"""HTTP clients that reach a vendor without the openai client: each is patched where a request begins."""
