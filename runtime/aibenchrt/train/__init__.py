"""The offline module: trains models, keeps their versions, and collects what a model trains on from the path."""
