"""Support tickets: what a help desk is asked, and the queue that each ticket belongs to."""
