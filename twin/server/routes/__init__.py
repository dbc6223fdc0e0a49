"""Routes of the web application besides /ogc."""
