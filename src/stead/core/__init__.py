"""The ground all domains stand on: settings, database, durable execution, errors, logs."""
