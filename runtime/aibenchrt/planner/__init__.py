"""The online module: executes the emitted plan for every request. It knows no scenario and keeps no state between requests."""
