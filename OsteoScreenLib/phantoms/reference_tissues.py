"""A patient whose fat, muscle and blood have given HU: what an internal calibration takes every patient to be."""

from dataclasses import replace

from OsteoScreenLib.phantoms.scene import Scene

FAT = ("skin", "arm fat")
MUSCLE = ("muscle", "psoas", "multifidus", "longissimus", "iliocostalis", "quadratus lumborum", "iliopsoas")
BLOOD = ("aorta", "iliac artery", "inferior vena cava", "iliac vein")


def with_tissues(scene: Scene, fat: float, muscle: float, blood: float) -> Scene:
    """Return a scene with other HU of subcutaneous fat, muscle and great vessels; all else, and each draw, stays."""
    hu = {**dict.fromkeys(FAT, fat), **dict.fromkeys(MUSCLE, muscle), **dict.fromkeys(BLOOD, blood)}
    solids = tuple(replace(one, hu=hu[one.name]) if one.name in hu else one for one in scene.solids)
    return replace(scene, solids=solids)
