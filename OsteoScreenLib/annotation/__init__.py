"""Label maps as annotations: the segments people see and edit, and the files they are kept in."""
