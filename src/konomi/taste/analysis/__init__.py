"""The analysis of a study: pure functions on arrays and tables, each citing its source."""
