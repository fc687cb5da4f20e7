"""Takes tasks from the queue, runs the engines, writes results. Thin: the thinking is in the engines."""
