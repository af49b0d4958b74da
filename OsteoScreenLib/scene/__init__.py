"""The case as MRML nodes: the only room that touches MRML, in functions of (scene, nodes, arrays)."""
