"""What people like: learned from replies about pictures; what to ask next; people simulated for want of any."""
