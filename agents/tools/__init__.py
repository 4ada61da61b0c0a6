"""What agents can do: a file a family of tools, each with the right that it needs."""
