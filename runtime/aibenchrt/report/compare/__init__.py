"""Groups of runs compared: what differs between systems by more than their deployments differ among themselves, and which part moved."""
