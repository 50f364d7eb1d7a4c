"""The published scenarios, and what of them a distilled graph covers."""
