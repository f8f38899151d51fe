"""Stores elsewhere: a folder, a web server, an object store. Only missing objects travel, as stored."""
