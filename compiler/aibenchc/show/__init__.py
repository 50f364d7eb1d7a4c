"""Graphs, distilling and placements as text, rows and pictures."""
