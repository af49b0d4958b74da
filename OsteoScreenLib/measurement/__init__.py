"""Numbers from a CT and its label map: Hounsfield units, regions, reference lines, cautions."""
