"""What a reason code means, which verdicts it may have, and what to do."""
