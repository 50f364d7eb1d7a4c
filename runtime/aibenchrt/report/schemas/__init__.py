"""JSON Schemas (draft 2020-12) of everything that a scenario is compiled to and a run leaves, one file each in this folder.

Made from the models that write and read these files: `python -m aibenchrt.report.schemas` writes them anew.
"""
