"""DSNet: vertebral bodies and their bone status on axial slices."""
