"""Enough of 3D Slicer's desktop to run our module without it: slicer-core's real MRML, and Qt stand-ins on PySide6.

A green run here is **not** "tested in Slicer". It says that the module and its panel can be made, that every name in
the .ui file and every signal resolves, and that the buttons run the real logic on real MRML. How widgets of Slicer
behave, how a hand edits segments, packages are installed and files are loaded, only Slicer shows: `in_slicer.md`.
"""
