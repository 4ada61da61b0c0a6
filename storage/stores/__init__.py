"""Where the rows of the update log lie: one module a database, behind the port in `ports`."""
