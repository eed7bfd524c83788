"""
Import torchvision where its compiled ops do not match torch: their schemas are defined before the import.

Import this module before torchvision. It does nothing where the schemas exist.
"""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import torch

__all__ = ["define_missing_schemas"]

_BOXES = "Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width"
_DEFORM = (
    "Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, int stride_w, int pad_h, int pad_w, "
    "int dilation_h, int dilation_w, int groups, int offset_groups, bool use_mask"
)
_SIZES = "int batch_size, int channels, int height, int width"
_BACKWARD = f"Tensor grad, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, {_SIZES}"
SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align": f"({_BOXES}, int sampling_ratio, bool aligned) -> Tensor",
    "_roi_align_backward": f"({_BACKWARD}, int sampling_ratio, bool aligned) -> Tensor",
    "roi_pool": f"({_BOXES}) -> (Tensor, Tensor)",
    "_roi_pool_backward": f"({_BACKWARD}, Tensor argmax) -> Tensor",
    "ps_roi_align": f"({_BOXES}, int sampling_ratio) -> (Tensor, Tensor)",
    "_ps_roi_align_backward": f"({_BACKWARD}, int sampling_ratio, Tensor channel_mapping) -> Tensor",
    "ps_roi_pool": f"({_BOXES}) -> (Tensor, Tensor)",
    "_ps_roi_pool_backward": f"({_BACKWARD}, Tensor channel_mapping) -> Tensor",
    "deform_conv2d": f"({_DEFORM}) -> Tensor",
    "_deform_conv2d_backward": f"(Tensor grad, {_DEFORM}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
}
_libraries: list[torch.library.Library] = []


def define_missing_schemas() -> None:
    """Define torchvision's operators where its compiled extension cannot: without kernels, but it can be imported."""
    package = importlib.util.find_spec("torchvision")
    if package is None or not package.submodule_search_locations or _libraries:
        return
    for extension in Path(package.submodule_search_locations[0]).glob("_C*"):
        with contextlib.suppress(OSError):
            torch.ops.load_library(extension)
    defined = {name.partition(".")[0] for name in torch._C._dispatch_get_all_op_names()}
    _libraries.append(torch.library.Library("torchvision", "FRAGMENT"))
    for name, schema in SCHEMAS.items():
        if f"torchvision::{name}" not in defined:
            _libraries[0].define(name + schema)


define_missing_schemas()
