"""Published networks on flat images: lateral spine radiographs and VFA, DXA bone texture, knees."""
