"""The rules: each module yields the findings about one thing, and none of them decides."""
