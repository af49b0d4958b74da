"""Radiomics: numbers that describe the intensities and the texture inside a region."""
