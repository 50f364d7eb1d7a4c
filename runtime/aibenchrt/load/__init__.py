"""The query generator: pure schedules (arrivals, mix, schedule) and the one module with a clock and sockets (issue)."""
