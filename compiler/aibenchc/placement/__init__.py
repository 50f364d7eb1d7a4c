"""Hosts: which there are (`inventory`), what goes where (`site`, `search`), what they hold already (`deployed`) and what would change."""
