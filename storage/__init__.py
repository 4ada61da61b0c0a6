"""Everything durable: the only package that speaks SQL. Knows no HTTP and no live document."""
