"""Ansible's settings for an inventory that is data: of its inventory plugins, those alone that run nothing."""

from __future__ import annotations

from collections.abc import Mapping

# Environment variables of Ansible's programs. In the environment, nobody's ansible.cfg has a say.
STATIC_INVENTORIES: Mapping[str, str] = {"ANSIBLE_INVENTORY_ENABLED": "ini,yaml", "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1"}
