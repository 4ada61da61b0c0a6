"""The REST API, a file a resource: its Structs, routes and handlers. Rules and SQL are elsewhere."""
