"""A public CT for the first try, among Slicer's sample data. It is downloaded on a click there, and never otherwise."""

REVISION = "0e65a448d557382b1e925276212b3bec7f5aff83"


def register():
    """Name the CT: abdomen and lumbar spine, 3 mm, from TotalSegmentator's tests, Apache-2.0."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="OsteoScreen",
        sampleName="LumbarSpineCT",
        uris="https://raw.githubusercontent.com/wasserth/TotalSegmentator/"
        f"{REVISION}/tests/reference_files/example_ct.nii.gz",
        fileNames="LumbarSpineCT.nii.gz",
        checksums="SHA256:dbd3ae6d614d1d7ef3a46925c30c70038ed52da6b37fdd6afdc7b9b71387e3e1",
        nodeNames="LumbarSpineCT",
    )
