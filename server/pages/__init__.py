"""What pages go through as wholes: copies, templates, exports, imports, the public view, the end."""
