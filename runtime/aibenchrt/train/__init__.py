"""The offline module: trains models, stores their versions, and collects training data from the path."""
