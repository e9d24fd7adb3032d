"""Pictures from folders and the web, with where they came from."""
