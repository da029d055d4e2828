"""What the recorded calls say, as a document."""
