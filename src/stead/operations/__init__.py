"""What people see of durable work: lists, steps, live events, cancel."""
