"""What all the programs ask, and of whom."""

KEY = "sk-made-up"
MODEL = "gpt-5.2-2025-12-11"
PROMPT = "What does the letter say?"
MESSAGES = [{"role": "user", "content": PROMPT}]
