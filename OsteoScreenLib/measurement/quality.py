"""What in the making of a CT makes its numbers less comparable, said in words for the person who reads them."""

from OsteoScreenLib.volume import Acquisition, Volume

REFERENCE_KVP = 120.0
"""Tube voltage of the cohorts behind the reference lines."""
THICK_MM = 3.0


def cautions(volume: Volume) -> tuple[str, ...]:
    """Return what to bear in mind when reading HU of this CT, one sentence each; empty if nothing is known against it.

    Judged are tube voltage, contrast agent and slice thickness (from the header, else from the grid, in mm). Nothing
    is corrected. The sizes named come from Pickhardt et al. 2013 (120 kVp) and from cohort means over voltages.
    """
    made = volume.acquisition or Acquisition()
    thickness = made.slice_thickness or max(volume.spacing)
    said = [_voltage(made.kvp), _contrast(made.contrast_agent), _slices(thickness, made.slice_thickness is not None)]
    return (*(sentence for sentence in said if sentence), *made.notes)


def _voltage(kvp: float | None) -> str | None:
    if kvp is None:
        return (
            "Tube voltage unknown: HU of trabecular bone depend on it, and the reference lines are for 120 kVp. "
            "Values are raw, not corrected."
        )
    if abs(kvp - REFERENCE_KVP) < 0.5:
        return None
    tendency = "higher" if kvp < REFERENCE_KVP else "lower"
    return (
        f"Tube voltage {kvp:g} kVp: trabecular HU read {tendency} than at 120 kVp, for which the reference lines were "
        "made. Values are raw, not corrected; no correction is validated for this scanner."
    )


def _contrast(agent: str | None) -> str | None:
    if agent is None:
        return "The header does not say whether contrast agent was given, which would raise trabecular HU."
    if not agent.strip() or agent.strip().lower() in {"none", "no"}:
        return None
    return f"Contrast agent ({agent.strip()}): enhancement raises trabecular HU, which can hide low values."


def _slices(thickness: float, from_header: bool) -> str | None:
    if thickness <= THICK_MM:
        return None
    what = "Slice thickness" if from_header else "Slice thickness unknown; slice spacing"
    return (
        f"{what} {thickness:.3g} mm (more than {THICK_MM:g} mm): endplates and cortex blur into the trabecular "
        "compartment; HU near them, masks and volumes are less exact."
    )
