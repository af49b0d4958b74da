"""The same work in a browser: Slicer's scene and views in a page, and our panel beside them, on trame-slicer."""
