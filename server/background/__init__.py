"""What runs beside requests and sockets: watchers and, in the worker role, jobs."""
