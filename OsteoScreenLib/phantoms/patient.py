"""Who the phantom is: habitus, age, muscle, bone and the contrast phase of the scan."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Contrast:
    """Attenuation in HU of what takes up intravenous contrast, consistent within one phase."""

    phase: str
    artery: float
    vein: float
    portal: float
    liver: float
    spleen: float
    pancreas: float
    kidney_cortex: float
    kidney_medulla: float
    urine: float
    bowel_wall: float
    muscle: float
    blood: float


@dataclass(frozen=True)
class Patient:
    """What varies between people, drawn once. Lengths in mm, HU where named so, fractions otherwise.

    `scale` is body size relative to the mean adult; `up` is +1 for a supine patient, whose gas rises to the front,
    and -1 for a prone one.
    """

    scale: float
    female: bool
    age: float
    subcutaneous: float
    visceral: float
    muscularity: float
    fat_hu: float
    visceral_fat_hu: float
    muscle_infiltration: float
    bone_marrow: float
    bone_cortex: float
    bone_cortex_mm: float
    up: int
    diaphragm_lift: float
    viscera_shift: float
    contrast: Contrast
    oral_contrast: float | None


def random_contrast(rng: np.random.Generator) -> Contrast:
    """Draw a phase (none, arterial, portal venous or late) and the attenuations that belong to it."""
    blood = rng.uniform(32, 52)
    native_liver = rng.uniform(5, 35) if rng.random() < 0.2 else rng.uniform(45, 68)
    phase = str(rng.choice(["none", "arterial", "portal", "late"], p=[0.4, 0.12, 0.38, 0.1]))
    dose = rng.uniform(0.7, 1.3)
    artery, vein, portal, liver, spleen, pancreas, cortex, medulla, urine, wall, muscle = {
        "none": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        "arterial": (270, 20, 40, 8, 70, 60, 130, 25, 0, 45, 5),
        "portal": (110, 95, 130, 50, 70, 50, 150, 120, 15, 50, 14),
        "late": (60, 60, 65, 35, 45, 30, 110, 115, 600, 25, 10),
    }[phase]
    return Contrast(
        phase=phase,
        artery=blood + artery * dose,
        vein=blood + vein * dose,
        portal=blood + portal * dose,
        liver=native_liver + liver * dose,
        spleen=rng.uniform(40, 55) + spleen * dose,
        pancreas=rng.uniform(15, 45) + pancreas * dose,
        kidney_cortex=rng.uniform(26, 38) + cortex * dose,
        kidney_medulla=rng.uniform(26, 38) + medulla * dose,
        urine=rng.uniform(0, 12) + urine * dose * rng.uniform(0.2, 1.5),
        bowel_wall=rng.uniform(28, 45) + wall * dose,
        muscle=muscle * dose,
        blood=blood,
    )


def random_patient(spine_scale: float, rng: np.random.Generator) -> Patient:
    """Draw a patient whose skeleton has the given size, from thin to obese and from young to old."""
    age = rng.uniform(20, 90)
    female = bool(rng.random() < 0.5)
    fatness = rng.beta(1.4, 2.2)
    return Patient(
        scale=spine_scale * rng.normal(1, 0.03),
        female=female,
        age=age,
        subcutaneous=3 + 52 * fatness * rng.uniform(0.5, 1.2) * (1.15 if female else 0.85),
        visceral=95 * fatness * rng.uniform(0.2, 1.2) * (0.75 if female else 1.1),
        muscularity=rng.uniform(0.8, 1.15),
        fat_hu=rng.uniform(-118, -88),
        visceral_fat_hu=rng.uniform(-115, -78),
        muscle_infiltration=float(np.clip((age - 30) / 60 * rng.uniform(0, 1.2), 0, 1)),
        bone_marrow=float(np.clip(rng.normal(190 - 1.6 * age, 45), -40, 320)),
        bone_cortex=rng.uniform(450, 1000),
        bone_cortex_mm=rng.uniform(0.8, 2.0),
        up=-1 if rng.random() < 0.06 else 1,
        diaphragm_lift=rng.uniform(-30, 25),
        viscera_shift=float(np.clip(rng.normal(0, 18), -40, 40)),
        contrast=random_contrast(rng),
        oral_contrast=rng.uniform(150, 450) if rng.random() < 0.35 else None,
    )
