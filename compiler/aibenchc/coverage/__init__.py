"""The published scenarios, and how much of them a distilled graph covers."""
