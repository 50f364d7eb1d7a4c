"""The offline module: trains a plan's models into the model repository. Importing it does not import torch."""

from aibenchrt.train.task import alternatives, plan_models, train_task

__all__ = ["alternatives", "plan_models", "train_task"]
