"""HTML pages a person reads: one file each, with nothing fetched from anywhere."""
