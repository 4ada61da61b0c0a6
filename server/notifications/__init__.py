"""What people are told of what happens: whom, how, and when."""
