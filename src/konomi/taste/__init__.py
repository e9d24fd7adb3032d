"""What people like: simulated answers, and, to come, taste learned from answers."""
