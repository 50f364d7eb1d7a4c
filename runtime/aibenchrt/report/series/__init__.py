"""A series: several scenarios run one after the other, and one page that shows them beside each other. Entry point: `write_summary`."""
