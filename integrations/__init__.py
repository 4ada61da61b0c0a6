"""Other companies' APIs. Empty until the first integration arrives."""
