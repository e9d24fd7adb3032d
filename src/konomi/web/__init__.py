"""The web pages: served on this machine only, with nothing fetched from elsewhere."""
