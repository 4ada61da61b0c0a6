"""Other companies' APIs, and whatever else is reached outside."""
