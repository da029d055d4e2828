"""Which region did each OpenAI API call go to, and does that keep the promise made to customers?"""
