"""What pictures show, as probabilities."""
