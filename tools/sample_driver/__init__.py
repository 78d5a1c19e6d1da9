"""The sample engine behind the port."""
