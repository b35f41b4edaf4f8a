"""Files of other historians on their way into the store: what they are, and what their rows mean."""
