"""How a CT was made, from the DICOM files that Slicer loaded it from."""

import slicer

from OsteoScreenLib.scene.volumes import acquisition_of, keep_acquisition


def read_acquisition(volumeNode):
    """Store with a volume node what its DICOM headers say of its making, once; nothing where it has none."""
    instances = (volumeNode.GetAttribute("DICOM.instanceUIDs") or "").split()
    if not instances or acquisition_of(volumeNode) is not None:
        return
    import pydicom

    from OsteoScreenLib.readers.acquisition import acquisition_from

    some = dict.fromkeys((instances[0], instances[len(instances) // 2], instances[-1]))
    files = [slicer.dicomDatabase.fileForInstance(instance) for instance in some]
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files if file]
    if headers:
        keep_acquisition(volumeNode, acquisition_from(headers))


def header_of(volumeNode):
    """Return a DICOM file that a volume node was loaded from, or None."""
    instances = (volumeNode.GetAttribute("DICOM.instanceUIDs") or "").split()
    return (slicer.dicomDatabase.fileForInstance(instances[0]) or None) if instances else None
