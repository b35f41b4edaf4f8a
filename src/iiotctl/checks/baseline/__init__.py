"""What is normal for each tag, learnt once from a period that a person names, frozen and versioned."""
