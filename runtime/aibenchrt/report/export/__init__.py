"""A run made into a bundle for others. Entry point: `bundle.export`."""
