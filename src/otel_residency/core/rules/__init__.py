"""The rules: each module yields the findings about one topic; `decide` combines them."""
