"""ST-UNet: Swin Transformer stages inside a 3D U-Net."""

from collections.abc import Sequence

import torch
from monai.networks.nets.swin_unetr import BasicLayer
from torch import nn

SMALL = {"widths": (16, 32, 64, 128), "depths": (2, 2), "heads": (4, 8), "windows": ((7, 8, 6), (7, 8, 9))}
"""What is shipped: windows that tile the 1 mm crop at 4 mm and 8 mm; trained and run on a CPU."""

PAPER = {"widths": (48, 96, 192, 384), "depths": (2, 6), "heads": (6, 12), "windows": ((7, 8, 6), (7, 8, 9))}
"""The widths of SwinUNETR's usual form, for a GPU."""


class STUNet(nn.Module):
    """A 3D U-Net whose two coarsest resolutions are Swin Transformer stages.

    Input (batch, 1, k, j, i), output logits (batch, `out_channels`, k, j, i); k, j and i are multiples of 8. `widths`
    are the channels at full, 1/2, 1/4 and 1/8 resolution; the last two stages hold `depths` Swin blocks each, with
    `heads` of attention in `windows` (k, j, i) of voxels.

    Liu et al. (2024, BMC Med Imaging 24:62) name Swin Transformer and 3D U-Net as the parts of their network but do not
    publish its wiring, so this one is a choice. Against SwinUNETR (Hatamizadeh et al. 2022), whose encoder is Swin
    alone from a 1/2 patch embedding on, here convolutions see the fine resolutions, where the shell is told from the
    trabecular bone by the edge between them, and attention the coarse ones, where its reach over the whole vertebra
    counts and its cost is small. The Swin blocks are those of MONAI (Liu et al. 2021, ICCV).
    """

    def __init__(
        self,
        out_channels: int,
        widths: Sequence[int],
        depths: Sequence[int],
        heads: Sequence[int],
        windows: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        fine, half, quarter, eighth = widths
        self.encode_fine = _block(1, fine)
        self.encode_half = nn.Sequential(_block(fine, half, stride=2), _block(half, half))
        self.encode_quarter = nn.Sequential(
            _block(half, quarter, stride=2), SwinStage(quarter, depths[0], heads[0], windows[0])
        )
        self.encode_eighth = nn.Sequential(
            _block(quarter, eighth, stride=2), SwinStage(eighth, depths[1], heads[1], windows[1])
        )
        self.decode_quarter = Up(eighth, quarter)
        self.decode_half = Up(quarter, half)
        self.decode_fine = Up(half, fine)
        self.logits = nn.Conv3d(fine, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the logits of an image."""
        fine = self.encode_fine(image)
        half = self.encode_half(fine)
        quarter = self.encode_quarter(half)
        coarse = self.decode_quarter(self.encode_eighth(quarter), quarter)
        return self.logits(self.decode_fine(self.decode_half(coarse, half), fine))


class SwinStage(nn.Module):
    """Swin Transformer blocks, every second one with shifted windows, on (batch, channels, k, j, i)."""

    def __init__(self, channels: int, depth: int, heads: int, window: Sequence[int]) -> None:
        super().__init__()
        self.blocks = BasicLayer(channels, depth, heads, window, drop_path=[0.0] * depth, mlp_ratio=2.0, qkv_bias=True)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape."""
        return self.blocks(image)


class Up(nn.Module):
    """The way up of a U-Net: twice the resolution, joined with the features of the way down."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose3d(coarse, fine, 2, stride=2)
        self.join = _block(2 * fine, fine)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """Return features of the finer resolution."""
        return self.join(torch.cat([self.up(coarse), fine], dim=1))


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution of 3 x 3 x 3 voxels, instance normalisation and a leaky rectifier."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.InstanceNorm3d(outputs, affine=True),
        nn.LeakyReLU(0.1, inplace=True),
    )
