"""Where on a film a network saw what spoke for the ill class: Grad-CAM."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torchvision.models import ResNet

from OsteoScreenLib.radiographs.systems import ill_logit


def heat_map(network: nn.Module, image: torch.Tensor) -> np.ndarray:
    """Return where an image (1, 3, row, column) speaks for the ill class, (row, column), 1 where it does most.

    Grad-CAM (Selvaraju et al., ICCV 2017) on the last feature map, at the image's size; 0 everywhere where nothing
    speaks for it. What of the network is frozen makes no difference.
    """
    kept: list[torch.Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0].clone()

    watching = last_map(network).register_forward_hook(keep)
    try:
        # cuDNN's GRU has no backward pass in evaluation mode.
        with torch.backends.cudnn.flags(enabled=False):
            (gradient,) = torch.autograd.grad(ill_logit(network(image)).sum(), kept[0])
    finally:
        watching.remove()
    spoke = (gradient.mean((2, 3), keepdim=True) * kept[0].detach()).sum(1, keepdim=True).relu()
    full = nn.functional.interpolate(spoke, size=image.shape[2:], mode="bilinear", align_corners=False)[0, 0].cpu()
    most = float(full.max())
    return (full / most if most > 0 else full).numpy().astype(np.float32)


def last_map(network: nn.Module) -> nn.Module:
    """Return the module of a system's network whose output is its last feature map: what is pooled or flattened."""
    if isinstance(network, nn.Sequential):
        return next(before for before, layer in pairwise(network) if isinstance(layer, nn.Flatten))
    return network.layer4 if isinstance(network, ResNet) else network.features
