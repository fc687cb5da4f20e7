"""What runs beside the requests: the sweeper, the loop's watch, metrics."""
