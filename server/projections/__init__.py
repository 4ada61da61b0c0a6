"""What live documents contain, as rows: reading documents, writing the rows, making them anew."""
