"""Hosts: the inventory, the placement (`site`, `search`), what is deployed already (`deployed`) and what would change."""
